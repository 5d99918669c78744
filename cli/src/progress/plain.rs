//! Lines, for everything that is not a terminal.

use std::time::Instant;

use super::View;
use super::board::{Board, Change};
use super::journal::{Detail, Journal};
use crate::output;

/// Where the lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    /// Standard output is kept for a JSON document.
    Stderr,
}

/// Prints the journal.
pub struct Plain {
    journal: Journal,
    stream: Stream,
    start: Instant,
}

impl Plain {
    pub fn new(stream: Stream) -> Self {
        Self { journal: Journal::new(Detail::Full), stream, start: Instant::now() }
    }

    fn print(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let text = lines.join("\n");
        match self.stream {
            Stream::Stderr => output::note(&text),
            // Progress that cannot be printed must not end the work; the results will say so if it persists.
            Stream::Stdout => drop(output::print(&text)),
        }
    }
}

impl View for Plain {
    fn changed(&mut self, board: &Board, changes: &[Change]) {
        let lines = self.journal.changed(self.start.elapsed(), board, changes);
        self.print(&lines);
    }

    fn tick(&mut self, board: &Board) {
        let lines = self.journal.tick(self.start.elapsed(), board);
        self.print(&lines);
    }

    fn close(&mut self, board: &Board) {
        let lines = self.journal.close(self.start.elapsed(), board);
        self.print(&lines);
    }
}
