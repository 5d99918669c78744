//! One job as it stands.

use std::time::{Duration, SystemTime};

use sweep_shared::ids::JobId;
use sweep_shared::metrics::Metrics;
use sweep_shared::states::{FailureClass, JobState};
use sweep_shared::wire::{self, v1};

use super::{Attempt, instant, malformed, span};
use crate::exit::{Failure, Outcome};

/// One job as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub stage: String,
    pub kind: String,
    /// What tells it from its stage's others; empty where the stage has one job.
    pub label: String,
    pub seed: u64,
    pub state: JobState,
    /// 0 before the first.
    pub attempt: u32,
    /// How far it is, in 0..=1.
    pub fraction: f64,
    pub epoch: u32,
    pub epochs: u32,
    pub agent: String,
    pub failure: Option<FailureClass>,
    pub message: String,
    pub reused: bool,
    pub started: Option<SystemTime>,
    pub finished: Option<SystemTime>,
    pub key: String,
    /// The epoch that the last attempt continued from; 0: from the beginning.
    pub resumed_from: u32,
    /// Newest values of the running attempt.
    pub metrics: Metrics,
    /// The sweep's and its own together.
    pub priority: i32,
    /// Not tried again before.
    pub not_before: Option<SystemTime>,
    /// Oldest first; empty where they were not asked for.
    pub attempts: Vec<Attempt>,
}

impl Job {
    /// Stage, label and (where a sweep has several) seed.
    pub fn name(&self, with_seed: bool) -> String {
        let mut name = self.stage.clone();
        if !self.label.is_empty() {
            name = format!("{name} {}", self.label);
        }
        if with_seed { format!("{name} seed={}", self.seed) } else { name }
    }

    /// How long the last attempt took, or has taken until now; `None` while the job waits for another.
    pub fn run_time(&self) -> Option<Duration> {
        self.run_time_at(SystemTime::now())
    }

    /// The same, where `now` is another moment.
    pub fn run_time_at(&self, now: SystemTime) -> Option<Duration> {
        let waits = self.finished.is_none() && self.state != JobState::Running;
        if waits { None } else { span(self.started, Some(self.finished.unwrap_or(now))) }
    }
}

impl TryFrom<v1::JobStatus> for Job {
    type Error = Failure;

    fn try_from(j: v1::JobStatus) -> Outcome<Self> {
        let failure = Some(j.failure_class).filter(|class| !class.is_empty());
        let metrics: Option<Metrics> = wire::from_json("metrics", &j.metrics_json).map_err(malformed)?;
        Ok(Self {
            id: JobId(j.id),
            stage: j.stage,
            kind: j.kind,
            label: j.label,
            seed: j.seed,
            state: j.state.parse().map_err(malformed)?,
            attempt: j.attempt,
            fraction: j.fraction.clamp(0.0, 1.0),
            epoch: j.epoch,
            epochs: j.epochs,
            agent: j.agent,
            failure: failure.map(|class| class.parse()).transpose().map_err(malformed)?,
            message: j.message,
            reused: j.reused,
            started: instant(j.started_ms),
            finished: instant(j.finished_ms),
            key: j.key,
            resumed_from: j.resumed_from,
            metrics: metrics.unwrap_or_default(),
            priority: j.priority,
            not_before: instant(j.not_before_ms),
            attempts: j.attempts.into_iter().map(Attempt::try_from).collect::<Outcome<_>>()?,
        })
    }
}
