//! Why no device takes a ready job.

use std::cmp::Reverse;

use sweep_shared::resources::DeviceClass;

use super::words::{count, device, list, quoted, size, span};
use super::{AgentFacts, Barred, DeviceFacts, Explanation, FleetFacts, JobFacts};
use super::{devices, memory};

/// Goes through the agents and their devices.
pub fn room(said: &mut Explanation, job: &JobFacts, fleet: &FleetFacts) {
    for victim in &fleet.giving_way {
        said.reason(format!("{victim} has been told to make room for it: it writes a checkpoint and stops."));
    }
    let here: Vec<&AgentFacts> = fleet.agents.iter().filter(|agent| agent.connected).collect();
    if here.is_empty() {
        return nobody(said, fleet);
    }
    let suiting: Vec<(&AgentFacts, &DeviceFacts)> = here
        .iter()
        .flat_map(|agent| agent.devices.iter().map(move |device| (*agent, device)))
        .filter(|(agent, device)| suits(job, agent, device))
        .collect();
    if suiting.is_empty() && !here.iter().any(|agent| is_allowed(job, agent)) {
        return nowhere(said, job, &here);
    }
    if suiting.is_empty() {
        return no_such_device(said, job, &here);
    }
    if suiting.iter().all(|(_, device)| has_outgrown(job, device)) {
        return memory::outgrown(said, job, &suiting, fleet.patience);
    }
    if suiting.iter().all(|(_, device)| device.total_bytes < job.memory.needs.of(device.class)) {
        return too_large(said, job, &suiting);
    }
    let mut free = false;
    for (agent, device) in &suiting {
        match obstacle(job, agent, device) {
            Some(obstacle) => said.reason(obstacle),
            None => free = true,
        }
    }
    if free {
        said.next("It is granted in a moment.");
        return;
    }
    queue(said, job, fleet);
}

fn nobody(said: &mut Explanation, fleet: &FleetFacts) {
    said.reason("No agent is connected.");
    let mut away: Vec<&AgentFacts> = fleet.agents.iter().collect();
    away.sort_by_key(|agent| agent.heard);
    let away: Vec<String> = away.iter().map(|agent| format!("{} ({} ago)", agent.id, span(agent.heard))).collect();
    if !away.is_empty() {
        said.reason(format!("Last heard: {}.", list(&away)));
    }
    said.next("Start one with `sweep agent` on a machine with a suitable device; it is given work at once.");
}

fn no_such_device(said: &mut Explanation, job: &JobFacts, here: &[&AgentFacts]) {
    let wanted = match job.device {
        Some(DeviceClass::Cuda) => "a GPU",
        Some(DeviceClass::Cpu) => "a CPU",
        None => "any device",
    };
    let agents = count(here.len() as u32, "agent is connected", "agents are connected");
    said.reason(format!("It needs {wanted}, and no agent has one ({agents})."));
    said.next("Start an agent on a machine that has one, or change `device` in the plan and submit it with `--amend`.");
}

fn is_allowed(job: &JobFacts, agent: &AgentFacts) -> bool {
    agent.devices.iter().any(|device| job.place.allows(&device.spot))
}

/// Agents that are named; there may be many.
const NAMED: usize = 5;

fn nowhere(said: &mut Explanation, job: &JobFacts, here: &[&AgentFacts]) {
    let known = |agent: &&AgentFacts| {
        let gpus = agent.devices.iter().filter_map(|device| device.spot.gpu.clone());
        let Some(spot) = agent.devices.first().map(|device| &device.spot) else { return agent.id.clone() };
        let labels = Some(spot.labels.to_string()).filter(|labels| !labels.is_empty());
        let known: Vec<String> = labels.into_iter().chain(gpus).collect();
        if known.is_empty() { spot.host.clone() } else { format!("{} ({})", spot.host, known.join("; ")) }
    };
    let mut agents: Vec<String> = here.iter().take(NAMED).map(known).collect();
    if here.len() > NAMED {
        agents.push(format!("{} more", here.len() - NAMED));
    }
    said.reason(format!("It may run only where {}; connected are {}.", job.place, list(&agents)));
    said.next(
        "Start an agent there (`sweep agent --label NAME=VALUE` says what it is), or change `where` in the plan and submit \
         it with `--amend`.",
    );
}

fn too_large(said: &mut Explanation, job: &JobFacts, suiting: &[(&AgentFacts, &DeviceFacts)]) {
    let largest = suiting.iter().max_by_key(|(agent, device)| (device.total_bytes, Reverse(&agent.id)));
    let Some((agent, largest)) = largest else { return };
    said.reason(format!(
        "It needs {}; the largest device for it, {}, has {} in all{}.",
        job.memory.words(largest.class),
        device(largest.class, largest.index, &agent.id),
        size(largest.total_bytes),
        devices::shrunk(largest)
    ));
    said.next(
        "It waits for an agent with a larger device; or make it smaller (batch size, model) and submit it again.",
    );
}

/// As the scheduler has it: a job without a wish leaves the CPU alone where a GPU could hold it.
fn suits(job: &JobFacts, agent: &AgentFacts, device: &DeviceFacts) -> bool {
    let could = |gpu: &DeviceFacts| {
        gpu.class == DeviceClass::Cuda && job.place.allows(&gpu.spot) && job.memory.needs.cuda_bytes <= gpu.total_bytes
    };
    if !job.place.allows(&device.spot) {
        return false;
    }
    match job.device {
        Some(class) => class == device.class,
        None => device.class == DeviceClass::Cuda || !agent.devices.iter().any(could),
    }
}

fn has_outgrown(job: &JobFacts, device: &DeviceFacts) -> bool {
    job.outgrown_bytes > 0 && device.total_bytes <= job.outgrown_bytes
}

/// What keeps the job from this device; `None`: nothing.
fn obstacle(job: &JobFacts, agent: &AgentFacts, on: &DeviceFacts) -> Option<String> {
    let place = device(on.class, on.index, &agent.id);
    if agent.leaving {
        return Some(format!("{} is about to leave, and gets no more work.", agent.id));
    }
    if let Some(other) = agent.measures {
        return Some(format!("{} is measuring {other}, and runs nothing beside it.", agent.id));
    }
    if let Some(closed) = devices::closed(&place, agent, on) {
        return Some(closed);
    }
    match &on.barred {
        Some(Barred::Refused { reason, left }) => {
            return Some(format!("{} refused it, and is asked again in {}{}", agent.id, span(*left), quoted(reason)));
        }
        Some(Barred::Failed { left }) => {
            return Some(format!("{} failed under it, and is not tried again for {}.", upper(&place), span(*left)));
        }
        None => {}
    }
    if has_outgrown(job, on) {
        return Some(memory::too_small(job, agent, on));
    }
    let need_bytes = job.memory.needs.of(on.class);
    if on.total_bytes < need_bytes {
        let (needs, has) = (job.memory.words(on.class), size(on.total_bytes));
        return Some(format!("It needs {needs}; {place} has {has} in all{}.", devices::shrunk(on)));
    }
    if on.slots == 0 && !on.status.releasing.is_empty() {
        return Some(devices::releasing(&place, on));
    }
    if on.slots == 0 {
        return Some(format!("{} takes no work at the moment (its disk may be full).", agent.id));
    }
    if job.exclusive {
        let busy: u32 = agent.devices.iter().map(|device| device.assigned).sum();
        return (busy > 0).then(|| {
            let jobs = count(busy, "job", "jobs");
            format!("It measures, and needs a host with nothing else to do; {} runs {jobs}.", agent.id)
        });
    }
    if on.assigned >= on.slots {
        let slots = if on.slots == 1 { "The only slot".to_owned() } else { format!("All {} slots", on.slots) };
        let verb = if on.slots == 1 { "is" } else { "are" };
        let than = match on.lowest {
            Some(lowest) if lowest < job.priority => ", by jobs of lower priority that give way or cannot",
            _ => ", by jobs of equal or higher priority",
        };
        return Some(format!("{slots} of {place} {verb} taken{than}."));
    }
    let lacks = on.free_bytes < need_bytes;
    lacks.then(|| devices::lacking(&job.memory.words(on.class), &place, on))
}

/// How long the line is.
fn queue(said: &mut Explanation, job: &JobFacts, fleet: &FleetFacts) {
    if job.exclusive {
        said.next(format!(
            "It is granted when a host is idle; after {} of waiting one is kept free for it.",
            span(fleet.patience)
        ));
    } else if job.ahead > 0 {
        said.next(format!(
            "{} before it in the queue (its priority is {}); `sweep priority {} N` changes that.",
            count(job.ahead, "job goes", "jobs go"),
            job.priority,
            job.job
        ));
    } else {
        said.next("It is the next to be granted.");
    }
}

pub(super) fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
