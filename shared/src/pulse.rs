//! Whether a loop still turns, for whoever watches over the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the turns of a loop that turns at least every few seconds while all is well. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The loop has turned once more.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Turns so far.
    pub fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
