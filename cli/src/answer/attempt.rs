//! One try at a job.

use std::time::{Duration, SystemTime};

use sweep_shared::states::{AttemptState, FailureClass};
use sweep_shared::wire::v1;

use super::{instant, malformed, span};
use crate::exit::{Failure, Outcome};

/// One try at a job: where it ran, what it went on from, how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub number: u32,
    pub state: AttemptState,
    pub agent: String,
    /// Class and index: `cuda0`.
    pub device: String,
    pub granted: Option<SystemTime>,
    pub started: Option<SystemTime>,
    pub finished: Option<SystemTime>,
    /// As its agent measured it; zero before the end.
    pub run: Duration,
    pub resumed: Option<Resumed>,
    pub failure: Option<FailureClass>,
    pub message: String,
    /// The last epoch it told of, and how many the job has; 0: none.
    pub epoch: u32,
    pub epochs: u32,
    /// Into how many parts each batch was split.
    pub micro_batches: u32,
    /// What it was seen to take of its device at most, and what was reserved for it, in bytes.
    pub peak_memory: Option<u64>,
    pub reserved_memory: Option<u64>,
}

/// The checkpoint that an attempt went on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// Whose checkpoint.
    pub attempt: u32,
    /// The last epoch that is in it; 0: it was written within the first.
    pub epoch: u32,
}

impl Attempt {
    /// How long it ran, or has run until now.
    pub fn run_time(&self) -> Option<Duration> {
        if self.run.is_zero() { span(self.started, self.finished) } else { Some(self.run) }
    }
}

impl TryFrom<v1::AttemptStatus> for Attempt {
    type Error = Failure;

    fn try_from(a: v1::AttemptStatus) -> Outcome<Self> {
        let failure = Some(a.failure_class).filter(|class| !class.is_empty());
        let resumed = Resumed { attempt: a.resumed_attempt, epoch: a.resumed_epoch };
        Ok(Self {
            number: a.number,
            state: a.state.parse().map_err(malformed)?,
            agent: a.agent,
            device: format!("{}{}", a.device, a.device_index),
            granted: instant(a.granted_ms),
            started: instant(a.started_ms),
            finished: instant(a.finished_ms),
            run: Duration::try_from_secs_f64(a.run_s).unwrap_or_default(),
            resumed: (resumed.attempt > 0).then_some(resumed),
            failure: failure.map(|class| class.parse()).transpose().map_err(malformed)?,
            message: a.message,
            epoch: a.epoch,
            epochs: a.epochs,
            micro_batches: a.micro_batches.max(1),
            peak_memory: Some(a.peak_memory_bytes).filter(|bytes| *bytes > 0),
            reserved_memory: Some(a.memory_bytes).filter(|bytes| *bytes > 0),
        })
    }
}
