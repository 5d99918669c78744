//! Who runs what next: pure functions from what is known to what should be granted, and who should give way.
//!
//! Ordinary jobs come first, in their order (priority, then age), each to the device that has most room for it, so that idle
//! agents share the work. When no slot is free, jobs that are known to be short are queued ahead behind others that are, so
//! that an agent need not wait for the network between two of them; a long job is never queued ahead, since it could begin
//! sooner elsewhere, and while one waits for a slot nothing is queued ahead of it there. Exclusive jobs (measurements) wait
//! for an agent with nothing to do, and after long patience one agent is kept free for them.
//!
//! A job of higher priority that found no room makes one attempt of lower priority write a checkpoint and stop (`preempt`).

mod place;
mod preempt;
mod view;

use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::resources::DeviceClass;

pub use place::idle;
pub use preempt::{Preemption, preempt};
pub use view::{AgentView, DeviceView, Ending, ReadyJob, RunningJob, Snapshot};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub job: JobId,
    /// Position in [`Snapshot::agents`].
    pub agent: usize,
    pub device: DeviceClass,
    pub device_index: u32,
}

/// What [`assign`] decided, and how the agents stand once it is done.
#[derive(Debug)]
pub struct Assigned {
    pub made: Vec<Assignment>,
    /// Positions in [`Snapshot::ready`] of those that found no room.
    waiting: Vec<usize>,
    agents: Vec<AgentView>,
}

/// How much work should wait at an agent, so that it never idles for a round trip.
const WORK_AHEAD: Duration = Duration::from_millis(20);
/// At most so many short jobs wait per slot.
const MOST_AHEAD: u32 = 8;
/// Jobs that take longer are never queued ahead.
const SHORT: Duration = Duration::from_secs(2);

/// How many jobs of this length may wait behind each slot.
fn ahead_per_slot(expected: Option<Duration>) -> u32 {
    match expected {
        Some(length) if length <= SHORT => {
            let many = WORK_AHEAD.as_secs_f64() / length.as_secs_f64().max(1e-6);
            (many as u32).clamp(1, MOST_AHEAD)
        }
        _ => 0,
    }
}

/// Whether an attempt will soon be over: its kind is short, and it has not been there for longer than a queue of such takes.
pub fn is_quick(expected: Option<Duration>, ran: Duration) -> bool {
    expected.is_some_and(|length| length <= SHORT) && ran <= SHORT * (1 + MOST_AHEAD)
}

/// The largest number of jobs that [`assign`] could place now.
pub fn room(agents: &[AgentView]) -> u32 {
    agents.iter().filter(|agent| agent.accepts()).flat_map(|agent| &agent.devices).map(DeviceView::most_room).sum()
}

/// Decides. Each job is placed at most once; no device gets more than it can hold.
pub fn assign(snapshot: &Snapshot<'_>) -> Assigned {
    let mut agents = snapshot.agents.to_vec();
    if let Some(kept) = place::kept_free(snapshot, &agents) {
        agents[kept].kept_free = true;
    }
    let (mut made, mut waiting) = (Vec::new(), Vec::new());
    for (at, job) in snapshot.ready.iter().enumerate() {
        let barred = |agent: usize, device: &DeviceView| (snapshot.barred)(job.job, agent, device);
        match place::ordinary(job, &mut agents, &barred) {
            Some(assignment) => made.push(assignment),
            None => {
                place::hold(job, &mut agents, &barred);
                waiting.push(at);
            }
        }
    }
    for job in snapshot.exclusive {
        let barred = |agent: usize, device: &DeviceView| (snapshot.barred)(job.job, agent, device);
        made.extend(place::exclusive(job, &mut agents, &barred));
    }
    Assigned { made, waiting, agents }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
