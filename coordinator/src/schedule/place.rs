//! Finding a place for one job.

use sweep_shared::resources::DeviceClass;

use super::view::{AgentView, DeviceView, ReadyJob, Snapshot};
use super::{Assignment, SHORT, ahead_per_slot};

/// A device of an agent, by positions.
type Place = (usize, usize);

/// Whether a device of the agent (by position) is not to be tried for the job.
type Barred<'a> = &'a dyn Fn(usize, &DeviceView) -> bool;

/// Places an ordinary job, and takes the room that it needs.
pub fn ordinary(job: &ReadyJob, agents: &mut [AgentView], barred: Barred<'_>) -> Option<Assignment> {
    let ahead = ahead_per_slot(job.expected);
    let place =
        best(job, agents, barred, free_now).or_else(|| best(job, agents, barred, |job, d| waits(job, d, ahead)))?;
    Some(take(job, agents, place))
}

/// An ordinary job found no place: where it waits for a slot or for memory, nothing is queued ahead of it from now on. Else a
/// stream of short jobs could keep a long one waiting for ever.
pub fn hold(job: &ReadyJob, agents: &mut [AgentView], barred: Barred<'_>) {
    for (at, agent) in agents.iter_mut().enumerate().filter(|(_, agent)| agent.accepts()) {
        for index in 0..agent.devices.len() {
            let device = &agent.devices[index];
            if device.would_do(job, device.memory_total_bytes) && suits(job, agent, device) && !barred(at, device) {
                agent.devices[index].held = true;
            }
        }
    }
}

/// Devices with a free slot that none of these jobs could begin on.
pub fn idle(jobs: &[ReadyJob], agents: &[AgentView]) -> Vec<Place> {
    let accepting = agents.iter().enumerate().filter(|(_, agent)| agent.accepts());
    let devices = accepting.flat_map(|(at, agent)| (0..agent.devices.len()).map(move |index| (at, index)));
    let idle = |(at, index): &Place| {
        let (agent, device) = (&agents[*at], &agents[*at].devices[*index]);
        let begins = |job: &ReadyJob| free_now(job, device).is_some() && suits(job, agent, device);
        device.free_slots() > 0 && !jobs.iter().any(begins)
    };
    devices.filter(idle).collect()
}

/// Places an exclusive job at an agent that has nothing to do.
pub fn exclusive(job: &ReadyJob, agents: &mut [AgentView], barred: Barred<'_>) -> Option<Assignment> {
    let idle = |agent: &AgentView| !agent.exclusive && !agent.leaving && agent.is_idle();
    let (at, device) = agents.iter().enumerate().filter(|(_, agent)| idle(agent)).find_map(|(at, agent)| {
        let fits = |device: &DeviceView| {
            suits(job, agent, device)
                && device.slots > 0
                && device.would_do(job, device.memory_free_bytes)
                && !barred(at, device)
        };
        agent.devices.iter().position(fits).map(|device| (at, device))
    })?;
    agents[at].exclusive = true;
    Some(take(job, agents, (at, device)))
}

/// The agent to keep free for an exclusive job that has waited beyond patience: the one with least to finish.
pub fn kept_free(snapshot: &Snapshot<'_>, agents: &[AgentView]) -> Option<usize> {
    let job = snapshot.exclusive.iter().find(|job| job.waited > snapshot.patience)?;
    let able = |at: usize, agent: &AgentView| {
        let fits = |device: &DeviceView| suits(job, agent, device) && !(snapshot.barred)(job.job, at, device);
        !agent.leaving && !agent.exclusive && agent.devices.iter().any(fits)
    };
    let candidates = agents.iter().enumerate().filter(|(at, agent)| able(*at, agent));
    candidates.min_by_key(|(at, agent)| (agent.assigned(), *at)).map(|(at, _)| at)
}

/// Of the devices with room (`score` is more where there is more), the best: a GPU where the job does not care, then the
/// most room, then the first.
fn best(
    job: &ReadyJob,
    agents: &[AgentView],
    barred: Barred<'_>,
    score: impl Fn(&ReadyJob, &DeviceView) -> Option<u32>,
) -> Option<Place> {
    let mut best: Option<((bool, u32), Place)> = None;
    for (at, agent) in agents.iter().enumerate().filter(|(_, agent)| agent.accepts()) {
        for (index, device) in agent.devices.iter().enumerate() {
            if !suits(job, agent, device) || barred(at, device) {
                continue;
            }
            let Some(room) = score(job, device) else { continue };
            let rank = (device.class == DeviceClass::Cuda, room);
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, (at, index)));
            }
        }
    }
    best.map(|(_, place)| place)
}

/// A job without a wish leaves the CPU of an agent alone that has a GPU large enough: it would crawl there while the GPU is
/// only busy for the moment, and take the host's cores from those who feed the GPU.
pub fn suits(job: &ReadyJob, agent: &AgentView, device: &DeviceView) -> bool {
    if !job.place.allows(&device.spot) {
        return false;
    }
    let could = |gpu: &DeviceView| {
        gpu.class == DeviceClass::Cuda
            && job.place.allows(&gpu.spot)
            && gpu.would_do(job, gpu.memory_total_bytes.max(gpu.memory_free_bytes))
    };
    match job.device {
        Some(class) => class == device.class && device.is_wide_enough(job),
        None => device.class == DeviceClass::Cuda || !agent.devices.iter().any(could),
    }
}

/// Room to start at once.
fn free_now(job: &ReadyJob, device: &DeviceView) -> Option<u32> {
    let free = device.free_slots();
    (free > 0 && device.would_do(job, device.memory_free_bytes)).then_some(free)
}

/// Room to wait behind running jobs. The memory will be theirs to give back, so only the whole device bounds it.
fn waits(job: &ReadyJob, device: &DeviceView, ahead: u32) -> Option<u32> {
    if device.free_slots() > 0 || device.held {
        // Not the slots are lacking but the memory: the agent would only refuse. Or another goes first.
        return None;
    }
    let room = device.room_ahead(ahead);
    (room > 0 && device.would_do(job, device.memory_total_bytes)).then_some(room)
}

fn take(job: &ReadyJob, agents: &mut [AgentView], (at, index): Place) -> Assignment {
    let device = &mut agents[at].devices[index];
    device.assigned += 1;
    device.quick += u32::from(job.expected.is_some_and(|length| length <= SHORT));
    device.memory_free_bytes = device.memory_free_bytes.saturating_sub(job.needs.of(device.class));
    Assignment { job: job.job, agent: at, device: device.class, device_index: device.index }
}
