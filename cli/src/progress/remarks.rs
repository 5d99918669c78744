//! For those who only wait: nothing but that the sweep is paused, and that it goes on.

use super::View;
use super::board::{Board, Change};
use super::lines;
use crate::output;

/// Remembers what was said.
#[derive(Debug, Default)]
pub struct Remarks {
    paused: Option<String>,
}

impl View for Remarks {
    fn changed(&mut self, board: &Board, _: &[Change]) {
        let Some(sweep) = board.sweep() else { return };
        let now = lines::paused(sweep);
        if now == self.paused {
            return;
        }
        match &now {
            Some(paused) => output::note(paused),
            None if !sweep.is_over() => output::note(&format!("{} goes on", sweep.id)),
            None => {}
        }
        self.paused = now;
    }

    fn tick(&mut self, _: &Board) {}

    fn close(&mut self, _: &Board) {}
}
