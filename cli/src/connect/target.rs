//! What a command is about.

use std::fmt;
use std::str::FromStr;

use sweep_shared::ids::{JobId, SweepId};

/// A sweep (`s3`, or just `3`) or a job (`j17`).
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

/// A text that is neither.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an id; ids look like s3 (a sweep) and j17 (a job)")]
pub struct NoId(String);

impl FromStr for Target {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let no_id = |_| NoId(text.to_owned());
        if text.starts_with('j') {
            text.parse().map(Self::Job).map_err(no_id)
        } else {
            text.parse().map(Self::Sweep).map_err(no_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_means_a_sweep() {
        assert_eq!("s3".parse::<Target>().unwrap(), Target::Sweep(SweepId(3)));
        assert_eq!("3".parse::<Target>().unwrap(), Target::Sweep(SweepId(3)));
        assert_eq!("j17".parse::<Target>().unwrap(), Target::Job(JobId(17)));
        assert!("x9".parse::<Target>().unwrap_err().to_string().contains("j17"));
    }
}
