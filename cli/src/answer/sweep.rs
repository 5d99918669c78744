//! One sweep in short.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use sweep_shared::ids::SweepId;
use sweep_shared::plan::Budget;
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
    /// Why, where it was not a user's wish.
    pub paused_reason: String,
    /// Added to its jobs' own.
    pub priority: i32,
    pub created: Option<SystemTime>,
    pub finished: Option<SystemTime>,
    pub counts: Counts,
    /// Jobs whose result was taken over from another sweep.
    pub reused: usize,
    /// For how long its attempts have held devices of either class so far.
    pub gpu_hours: f64,
    pub cpu_hours: f64,
    pub budget: Budget,
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

    /// `paused`, with the reason where there is one; `None` while it is not paused, or over.
    pub fn pause(&self) -> Option<String> {
        let reason = if self.paused_reason.is_empty() { String::new() } else { format!(": {}", self.paused_reason) };
        (self.paused && !self.is_over()).then(|| format!("paused{reason}"))
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
            paused_reason: s.paused_reason,
            priority: s.priority,
            created: instant(s.created_ms),
            finished: instant(s.finished_ms),
            counts: s.counts.into_iter().map(count).collect::<Outcome<_>>()?,
            reused: s.reused as usize,
            gpu_hours: s.gpu_hours,
            cpu_hours: s.cpu_hours,
            budget: Budget { gpu_hours: hours(s.budget_gpu_hours), cpu_hours: hours(s.budget_cpu_hours) },
        })
    }
}

/// Of a budget; 0: the plan says nothing.
fn hours(hours: f64) -> Option<f64> {
    Some(hours).filter(|hours| *hours > 0.0)
}
