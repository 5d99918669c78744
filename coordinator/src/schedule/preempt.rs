//! Who gives way to whom.

use std::cmp::Reverse;

use sweep_shared::ids::JobId;

use super::Assigned;
use super::place::suits;
use super::view::{AgentView, DeviceView, Ending, ReadyJob, RunningJob, Snapshot};

/// One attempt that is to write a checkpoint and stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preemption {
    /// Whose attempt.
    pub job: JobId,
    /// The job that needs the room.
    pub by: JobId,
}

/// A slot that will come free, or could be made to.
struct Slot<'a> {
    running: &'a RunningJob,
    device: usize,
    taken: bool,
}

/// Of the jobs that found no room, each that no slot about to come free will serve makes one attempt give way: of strictly
/// lower priority, on a device that suits it, whose end alone gives it the room. Of several the one of lowest priority, then
/// the youngest, which loses least. Asked again before anything has ended, it names nobody else.
pub fn preempt(snapshot: &Snapshot<'_>, assigned: &Assigned, running: &[RunningJob]) -> Vec<Preemption> {
    let willing = |running: &&RunningJob| running.end == Ending::Willing;
    let Some(lowest) = running.iter().filter(willing).map(|running| running.priority).min() else {
        return Vec::new();
    };
    let mut agents = assigned.agents.clone();
    let waiting: Vec<&ReadyJob> = assigned.waiting.iter().map(|at| &snapshot.ready[*at]).collect();
    let mut near = near(running, &agents);
    let mut victims = slots(running.iter().filter(willing), &agents);
    let mut made = Vec::new();
    // Of those who gave way to a job that has found room elsewhere meanwhile, anybody may have the place.
    let others = |slot: &Slot<'_>| slot.promised().is_some_and(|to| waiting.iter().any(|job| job.job == to));
    for job in waiting.iter().filter(|job| job.priority > lowest) {
        let serves = |slot: &Slot<'_>, agents: &[AgentView]| {
            let (agent, device) = slot.place(agents);
            let free = device.memory_free_bytes.saturating_add(slot.running.memory_bytes);
            !slot.taken
                && agent.accepts()
                && suits(job, agent, device)
                && device.would_do(job, free)
                && !(snapshot.barred)(job.job, slot.running.agent, device)
        };
        let own = near.iter().position(|slot| slot.promised() == Some(job.job) && serves(slot, &agents));
        let comes = own.or_else(|| near.iter().position(|slot| !others(slot) && serves(slot, &agents)));
        if let Some(at) = comes {
            near[at].promise(job, &mut agents);
            continue;
        }
        let lower = |slot: &&mut Slot<'_>| {
            slot.running.priority < job.priority && slot.place(&agents).1.one_less_is_room() && serves(slot, &agents)
        };
        let rank = |slot: &&mut Slot<'_>| (slot.running.priority, slot.running.ran, Reverse(slot.running.job));
        if let Some(slot) = victims.iter_mut().filter(lower).min_by_key(rank) {
            slot.promise(job, &mut agents);
            made.push(Preemption { job: slot.running.job, by: job.job });
        }
    }
    made
}

/// The slots that come free without anybody's doing. Behind a short job others may be queued, so a device has at most as
/// many of these as it has slots.
fn near<'a>(running: &'a [RunningJob], agents: &[AgentView]) -> Vec<Slot<'a>> {
    let mut left: Vec<Vec<u32>> =
        agents.iter().map(|agent| agent.devices.iter().map(|device| device.slots).collect()).collect();
    let mut near = slots(running.iter().filter(|running| matches!(running.end, Ending::Near { .. })), agents);
    near.retain(|slot| {
        let left = &mut left[slot.running.agent][slot.device];
        let has = *left > 0;
        *left = left.saturating_sub(1);
        has
    });
    near
}

fn slots<'a>(running: impl Iterator<Item = &'a RunningJob>, agents: &[AgentView]) -> Vec<Slot<'a>> {
    let slot = |running: &'a RunningJob| {
        let device = agents.get(running.agent)?.device(running.device, running.device_index)?;
        Some(Slot { running, device, taken: false })
    };
    running.filter_map(slot).collect()
}

impl Slot<'_> {
    fn place<'a>(&self, agents: &'a [AgentView]) -> (&'a AgentView, &'a DeviceView) {
        let agent = &agents[self.running.agent];
        (agent, &agent.devices[self.device])
    }

    /// The job that it was made free for.
    fn promised(&self) -> Option<JobId> {
        if let Ending::Near { promised } = self.running.end { promised } else { None }
    }

    /// The job will have it: what the attempt gives back is the job's.
    fn promise(&mut self, job: &ReadyJob, agents: &mut [AgentView]) {
        self.taken = true;
        let device = &mut agents[self.running.agent].devices[self.device];
        let free = device.memory_free_bytes.saturating_add(self.running.memory_bytes);
        device.memory_free_bytes = free.saturating_sub(job.needs.of(device.class));
    }
}
