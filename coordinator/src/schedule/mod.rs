//! Who runs what next: a pure function from what is known to what should be granted.
//!
//! Ordinary jobs come first, in their order, each to the device that has most room for it, so that idle agents share the
//! work. When no slot is free, jobs that are known to be short are queued ahead, so that an agent need not wait for the
//! network between two of them; a long job is never queued ahead, since it could begin sooner elsewhere. Exclusive jobs
//! (measurements) wait for an agent with nothing to do, and after long patience one agent is kept free for them.

mod place;
mod view;

use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::resources::DeviceClass;

pub use view::{AgentView, DeviceView, ReadyJob, Snapshot};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub job: JobId,
    /// Position in [`Snapshot::agents`].
    pub agent: usize,
    pub device: DeviceClass,
    pub device_index: u32,
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

/// The largest number of jobs that [`assign`] could place now.
pub fn room(agents: &[AgentView]) -> u32 {
    agents.iter().filter(|agent| agent.accepts()).flat_map(|agent| &agent.devices).map(DeviceView::most_room).sum()
}

/// Decides. Each job is placed at most once; no device gets more than it can hold.
pub fn assign(snapshot: &Snapshot<'_>) -> Vec<Assignment> {
    let mut agents = snapshot.agents.to_vec();
    if let Some(kept) = place::kept_free(snapshot, &agents) {
        agents[kept].kept_free = true;
    }
    let mut made = Vec::new();
    for job in snapshot.ready {
        let cooled = |agent: usize| (snapshot.cooled)(job.job, agent);
        if let Some(assignment) = place::ordinary(job, &mut agents, &cooled) {
            made.push(assignment);
        }
    }
    for job in snapshot.exclusive {
        let cooled = |agent: usize| (snapshot.cooled)(job.job, agent);
        if let Some(assignment) = place::exclusive(job, &mut agents, &cooled) {
            made.push(assignment);
        }
    }
    made
}

#[cfg(test)]
mod tests;
