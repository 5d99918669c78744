//! What the scheduler sees.

use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::labels::{Placement, Spot};
use sweep_shared::resources::DeviceClass;

use super::MOST_AHEAD;
use crate::memory::Needs;

/// Everything that a decision depends on.
pub struct Snapshot<'a> {
    /// Agents with an open session.
    pub agents: &'a [AgentView],
    /// Ordinary jobs, in the order in which they should be granted.
    pub ready: &'a [ReadyJob],
    /// Jobs that need a whole host, likewise.
    pub exclusive: &'a [ReadyJob],
    /// Whether this device of the agent (by position) is not to be tried: refused lately, or it failed under the job.
    pub barred: &'a dyn Fn(JobId, usize, &DeviceView) -> bool,
    /// How long ordinary work may go before the oldest exclusive job.
    pub patience: Duration,
}

/// A job that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyJob {
    pub job: JobId,
    /// Higher goes first.
    pub priority: i64,
    /// `None`: any, and a CPU only where its host has no GPU that could hold the job.
    pub device: Option<DeviceClass>,
    /// Which devices it may go to.
    pub place: Arc<Placement>,
    /// Of a device of each class.
    pub needs: Needs,
    /// It ran out of memory on a device of the class that it wishes with so much; one with more is needed. 0: it did not.
    pub outgrown_bytes: u64,
    pub waited: Duration,
    /// How long the stage's jobs take, once some have run.
    pub expected: Option<Duration>,
}

/// An attempt that holds a slot of an agent in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJob {
    pub job: JobId,
    pub priority: i64,
    /// Position in [`Snapshot::agents`].
    pub agent: usize,
    pub device: DeviceClass,
    pub device_index: u32,
    /// What it gives back when it ends.
    pub memory_bytes: u64,
    /// Since its grant.
    pub ran: Duration,
    pub end: Ending,
}

/// How an attempt may come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is told to stop, perhaps to make room for this job; or will soon be over by itself.
    Near { promised: Option<JobId> },
    /// It can write a checkpoint and give way.
    Willing,
    /// It must be left alone: it would lose all that it did, or it is being measured.
    Fixed,
}

/// An agent with its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    pub devices: Vec<DeviceView>,
    /// Runs an exclusive job.
    pub exclusive: bool,
    /// It drains, or is about to.
    pub leaving: bool,
    /// It will be needed for an exclusive job.
    pub kept_free: bool,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceView {
    pub class: DeviceClass,
    pub index: u32,
    pub spot: Arc<Spot>,
    pub slots: u32,
    /// Jobs that hold a slot or wait for one here.
    pub assigned: u32,
    /// Those of them that will soon be over, for all that is known.
    pub quick: u32,
    /// A job that should go first waits for a slot here: nothing is queued ahead of it.
    pub held: bool,
    /// Free by the last report, less what was promised to jobs that the report cannot show yet.
    pub memory_free_bytes: u64,
    /// The whole device's.
    pub memory_total_bytes: u64,
}

impl AgentView {
    pub fn accepts(&self) -> bool {
        !self.exclusive && !self.leaving && !self.kept_free
    }

    pub fn is_idle(&self) -> bool {
        self.devices.iter().all(|device| device.assigned == 0)
    }

    pub(super) fn device(&self, class: DeviceClass, index: u32) -> Option<usize> {
        self.devices.iter().position(|device| device.class == class && device.index == index)
    }

    pub(super) fn assigned(&self) -> u32 {
        self.devices.iter().map(|device| device.assigned).sum()
    }
}

impl DeviceView {
    /// Whether it is large enough for what the job has outgrown.
    pub(super) fn is_wide_enough(&self, job: &ReadyJob) -> bool {
        job.outgrown_bytes == 0 || self.memory_total_bytes > job.outgrown_bytes
    }

    /// Whether this much of it would do for the job.
    pub(super) fn would_do(&self, job: &ReadyJob, bytes: u64) -> bool {
        job.needs.of(self.class) <= bytes
    }

    pub(super) fn free_slots(&self) -> u32 {
        self.slots.saturating_sub(self.assigned)
    }

    pub(super) fn most_room(&self) -> u32 {
        (self.slots * (1 + MOST_AHEAD)).saturating_sub(self.assigned)
    }

    /// Whether a slot is free once one of its jobs ends. Not so where others are queued, or the agent has taken slots away.
    pub(super) fn one_less_is_room(&self) -> bool {
        self.slots > 0 && self.assigned <= self.slots
    }

    /// How many may be queued here behind what runs, where each slot that soon comes free takes `ahead`. Behind a long job
    /// nothing is queued: it could begin sooner elsewhere.
    pub(super) fn room_ahead(&self, ahead: u32) -> u32 {
        let turning = self.slots.saturating_sub(self.assigned.saturating_sub(self.quick));
        (self.slots + turning * ahead).saturating_sub(self.assigned)
    }
}
