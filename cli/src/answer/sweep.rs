//! One sweep in short.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use sweep_shared::ids::SweepId;
use sweep_shared::states::{JobState, SweepState};
use sweep_shared::wire::v1;

use super::{instant, malformed, span};
use crate::exit::{Failure, Outcome};

/// Jobs by state; states without jobs are left out.
pub type Counts = BTreeMap<JobState, usize>;

/// One sweep in short.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    pub id: SweepId,
    pub name: String,
    pub state: SweepState,
    pub paused: bool,
    pub created: Option<SystemTime>,
    pub finished: Option<SystemTime>,
    pub counts: Counts,
    /// Jobs whose result was taken over from another sweep.
    pub reused: usize,
}

impl Sweep {
    pub fn total(&self) -> usize {
        self.counts.values().sum()
    }

    pub fn count(&self, state: JobState) -> usize {
        self.counts.get(&state).copied().unwrap_or(0)
    }

    /// Jobs that will not run again by themselves.
    pub fn over(&self) -> usize {
        self.counts.iter().filter(|(state, _)| state.is_terminal()).map(|(_, n)| n).sum()
    }

    pub fn is_over(&self) -> bool {
        self.state != SweepState::Active
    }

    /// From submission to the end, or until now.
    pub fn age(&self) -> Option<Duration> {
        span(self.created, self.finished)
    }
}

impl TryFrom<v1::SweepSummary> for Sweep {
    type Error = Failure;

    fn try_from(s: v1::SweepSummary) -> Outcome<Self> {
        let count = |(state, n): (String, u32)| Ok((state.parse().map_err(malformed)?, n as usize));
        Ok(Self {
            id: SweepId(s.id),
            name: s.name,
            state: s.state.parse().map_err(malformed)?,
            paused: s.paused,
            created: instant(s.created_ms),
            finished: instant(s.finished_ms),
            counts: s.counts.into_iter().map(count).collect::<Outcome<_>>()?,
            reused: s.reused as usize,
        })
    }
}
