//! What a command is about.

use std::fmt;

use sweep_shared::ids::{JobId, SweepId};

/// A sweep (`s3`) or a job (`j17`). How users name them is in `naming`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Sweep(SweepId),
    Job(JobId),
}

impl Target {
    /// As requests name it: sweep and job, of which one is 0.
    pub fn numbers(self) -> (i64, i64) {
        match self {
            Self::Sweep(id) => (id.0, 0),
            Self::Job(id) => (0, id.0),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sweep(id) => id.fmt(f),
            Self::Job(id) => id.fmt(f),
        }
    }
}
