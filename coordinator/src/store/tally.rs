//! What the writer has done since the start, counted for those who watch over the coordinator.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Tally {
    commits: AtomicU64,
    commands: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    pub(super) fn count(&self, commands: usize, committed: bool) {
        if committed {
            self.commits.fetch_add(1, Ordering::Relaxed);
            self.commands.fetch_add(commands as u64, Ordering::Relaxed);
        } else {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Several share a commit.
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    /// Commits that failed as a whole.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
