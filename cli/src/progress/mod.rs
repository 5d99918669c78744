//! How a running sweep looks while it is watched.
//!
//! The [`Board`] holds what is known (pure: events in, changes out). A [`View`] shows it: `Bars` on a terminal, `Plain`
//! lines elsewhere, `Remarks` for those who only wait, `Silent` under `--quiet`. What the lines say is decided in `journal` and `lines`, which know neither
//! clock nor terminal. A view may skip what it cannot keep up with: a thousand jobs of a millisecond become a line a second.

mod bars;
mod board;
mod estimate;
mod journal;
mod lines;
mod plain;
mod remarks;

use std::io::IsTerminal as _;

#[cfg(test)]
pub(crate) use board::tests::{job as tests_job, sweep as tests_sweep};
pub use board::{Board, Change, Event};
pub use estimate::Pace;

use bars::Bars;
use plain::Plain;
pub use plain::Stream;
use remarks::Remarks;

/// Shows a sweep as it goes on.
pub trait View: Send {
    /// Something changed.
    fn changed(&mut self, board: &Board, changes: &[Change]);
    /// Time passed; called about ten times a second.
    fn tick(&mut self, board: &Board);
    /// Nothing follows; the screen is given back.
    fn close(&mut self, board: &Board);
}

/// Shows nothing.
struct Silent;

impl View for Silent {
    fn changed(&mut self, _: &Board, _: &[Change]) {}
    fn tick(&mut self, _: &Board) {}
    fn close(&mut self, _: &Board) {}
}

/// For those who only wait.
pub fn remarks(quiet: bool) -> Box<dyn View> {
    if quiet { Box::new(Silent) } else { Box::new(Remarks::default()) }
}

/// The view that suits the terminal, or the lack of one. With `--json`, standard output is left to the document.
pub fn view(quiet: bool, json: bool) -> Box<dyn View> {
    let terminal = if json { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    let stream = if json { Stream::Stderr } else { Stream::Stdout };
    match (quiet, terminal) {
        (true, _) => Box::new(Silent),
        (false, true) => Box::new(Bars::new(stream)),
        (false, false) => Box::new(Plain::new(stream)),
    }
}
