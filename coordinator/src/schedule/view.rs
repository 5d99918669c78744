//! What the scheduler sees.

use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::resources::DeviceClass;

use super::MOST_AHEAD;

/// Everything that a decision depends on.
pub struct Snapshot<'a> {
    /// Agents with an open session.
    pub agents: &'a [AgentView],
    /// Ordinary jobs, in the order in which they should be granted.
    pub ready: &'a [ReadyJob],
    /// Jobs that need a whole host, likewise.
    pub exclusive: &'a [ReadyJob],
    /// Whether the agent (by position) refused the job lately.
    pub cooled: &'a dyn Fn(JobId, usize) -> bool,
    /// How long ordinary work may go before the oldest exclusive job.
    pub patience: Duration,
}

/// A job that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyJob {
    pub job: JobId,
    /// `None`: any, and a CPU only where its host has no GPU that could hold the job.
    pub device: Option<DeviceClass>,
    /// Predicted peak; 0: unknown.
    pub memory_bytes: u64,
    pub waited: Duration,
    /// How long the stage's jobs take, once some have run.
    pub expected: Option<Duration>,
}

/// An agent with its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    pub devices: Vec<DeviceView>,
    /// Runs an exclusive job.
    pub exclusive: bool,
    /// Drains, or will be needed for an exclusive job.
    pub kept_free: bool,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceView {
    pub class: DeviceClass,
    pub index: u32,
    pub slots: u32,
    /// Jobs that hold a slot or wait for one here.
    pub assigned: u32,
    /// Free by the last report, less what was promised to jobs that the report cannot show yet.
    pub memory_free_bytes: u64,
    /// The whole device's.
    pub memory_total_bytes: u64,
}

impl AgentView {
    pub fn accepts(&self) -> bool {
        !self.exclusive && !self.kept_free
    }

    pub fn is_idle(&self) -> bool {
        self.devices.iter().all(|device| device.assigned == 0)
    }

    pub(super) fn assigned(&self) -> u32 {
        self.devices.iter().map(|device| device.assigned).sum()
    }
}

impl DeviceView {
    pub(super) fn free_slots(&self) -> u32 {
        self.slots.saturating_sub(self.assigned)
    }

    pub(super) fn most_room(&self) -> u32 {
        (self.slots * (1 + MOST_AHEAD)).saturating_sub(self.assigned)
    }
}
