//! What an explanation is made from. Times are spans, so that nobody has to agree on a clock.

use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::labels::{Placement, Spot};
use sweep_shared::resources::{DeviceClass, DeviceStatus};
use sweep_shared::states::{AttemptState, FailureClass, JobState};

use super::memory::Promise;

/// A job as the database knows it.
#[derive(Debug, Clone)]
pub struct JobFacts {
    pub job: JobId,
    pub state: JobState,
    pub sweep: SweepFacts,
    /// Effective: the sweep's and the job's own.
    pub priority: i64,
    /// What the plan asks for, or the class of which it has outgrown a device.
    pub device: Option<DeviceClass>,
    /// Which devices it may go to.
    pub place: Placement,
    pub memory: Promise,
    /// Only a device with more memory than this will do: it ran out of memory on one with so much. 0: it did not.
    pub outgrown_bytes: u64,
    /// Into how many parts the next attempt splits each batch, and how many images a batch has.
    pub micro_batches: u32,
    pub batch: Option<u32>,
    pub exclusive: bool,
    /// Those that it still waits for.
    pub inputs: Vec<Input>,
    /// Its backoff, where that is not over.
    pub wait: Option<Duration>,
    pub failures: u32,
    pub retries: u32,
    pub losses: u32,
    pub most_losses: u32,
    pub max_hours: Option<f64>,
    /// Ready jobs that go before it.
    pub ahead: u32,
    /// The newest, if there is one.
    pub last: Option<LastAttempt>,
    /// The newest checkpoint of any attempt: its epoch, and how old it is.
    pub checkpoint: Option<(u32, Duration)>,
    /// The last epoch that the newest attempt told of, of how many; 0 of 0: none.
    pub epoch: (u32, u32),
    /// Where a user paused it.
    pub paused: Option<Paused>,
    /// In `failed`: what it is.
    pub class: Option<FailureClass>,
    pub message: String,
    /// Since it ended.
    pub ended: Option<Duration>,
    /// The sweep's amended plan does not have it any more.
    pub dropped: bool,
    /// The job of another sweep whose result stands for it.
    pub reused_from: Option<(JobId, SweepId)>,
    /// In `skipped`: what it is skipped for.
    pub culprit: Option<Culprit>,
}

#[derive(Debug, Clone)]
pub struct SweepFacts {
    pub id: SweepId,
    pub paused: Option<Paused>,
}

/// Who set it aside, and when.
#[derive(Debug, Clone, Default)]
pub struct Paused {
    /// A user, as the client named it; empty: unknown.
    pub by: String,
    pub ago: Option<Duration>,
    /// Where it was no user's wish: `its budget of 40 GPU-hours is spent`.
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct Input {
    pub job: JobId,
    pub stage: String,
    pub state: JobState,
}

/// An input job that ended without success.
#[derive(Debug, Clone)]
pub struct Culprit {
    pub job: JobId,
    pub stage: String,
    pub state: JobState,
    pub class: Option<FailureClass>,
}

#[derive(Debug, Clone)]
pub struct LastAttempt {
    pub number: u32,
    pub state: AttemptState,
    pub agent: String,
    pub device: DeviceClass,
    pub device_index: u32,
    pub message: String,
    pub micro_batches: u32,
    /// In `failed`: what it was.
    pub class: Option<FailureClass>,
    /// Since it was granted, and since it ended.
    pub granted: Duration,
    pub ended: Option<Duration>,
    /// The epoch that it went on from; 0: from the beginning.
    pub resumed_epoch: u32,
}

/// Agents and leases as the dispatcher sees them.
#[derive(Debug, Clone, Default)]
pub struct FleetFacts {
    /// Those that ever were here since the coordinator's start.
    pub agents: Vec<AgentFacts>,
    /// The job's attempt of whose end nothing is known.
    pub live: Option<LiveFacts>,
    /// Attempts that make room for this job.
    pub giving_way: Vec<JobId>,
    /// This coordinator hands out jobs of other sweeps only.
    pub unserved: bool,
    /// How long the job must wait for an idle host before one is kept free for it.
    pub patience: Duration,
}

#[derive(Debug, Clone)]
pub struct AgentFacts {
    pub id: String,
    pub connected: bool,
    pub heard: Duration,
    /// A user wants it to leave, or it does by itself.
    pub leaving: bool,
    /// The exclusive job that it runs.
    pub measures: Option<JobId>,
    pub devices: Vec<DeviceFacts>,
}

#[derive(Debug, Clone)]
pub struct DeviceFacts {
    pub class: DeviceClass,
    pub index: u32,
    pub spot: Arc<Spot>,
    pub slots: u32,
    pub assigned: u32,
    /// The lowest priority of those.
    pub lowest: Option<i64>,
    /// Less what was promised to others.
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// To jobs that are still loading. `free_bytes` is without it.
    pub promised_bytes: u64,
    /// Who else uses it, and what keeps jobs from it, in the agent's words.
    pub status: DeviceStatus,
    pub barred: Option<Barred>,
}

/// Why a device is not tried for the job just now, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barred {
    /// The agent would not start it, in its words.
    Refused { reason: String, left: Duration },
    /// The device failed under it.
    Failed { left: Duration },
}

#[derive(Debug, Clone)]
pub struct LiveFacts {
    pub agent: String,
    pub connected: bool,
    pub heard: Duration,
    /// Until others may take the job over; `None`: they may.
    pub lease: Option<Duration>,
    /// Why it was told to stop.
    pub stopping: Option<String>,
    pub finishing: bool,
    /// Of its job's hours, how much is spent.
    pub spent: Duration,
    /// For how long its runner has been silent, and until it is judged hung; only where that is near.
    pub silence: Option<(Duration, Duration)>,
    /// Why its processes are still there although they were killed; empty: nothing of the kind.
    pub stuck: String,
}
