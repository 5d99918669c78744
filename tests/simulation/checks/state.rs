//! The database against itself, the blobs on disk, and what agents were told.

use std::collections::BTreeMap;

use sweep_shared::ids::ContentHash;

use super::{Checked, Rule, Snapshot, hold};
use crate::world::World;

pub fn attempts_fit_jobs(new: &Snapshot) -> Checked {
    let mut live: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for ((job, number), _) in new.live() {
        live.entry(*job).or_default().push(*number);
    }
    for (job, numbers) in &live {
        hold(Rule::OneLiveAttempt, numbers.len() == 1, || format!("j{job} has the live attempts {numbers:?}"))?;
    }
    for (id, job) in &new.jobs {
        let numbers = live.get(id).map_or(&[][..], Vec::as_slice);
        if job.state == "running" {
            let what = || format!("j{id} runs attempt {}, and {numbers:?} are live", job.attempt);
            hold(Rule::OneLiveAttempt, numbers == [job.attempt], what)?;
        } else if job.state != "paused" {
            let wanted = numbers.iter().find(|number| !new.attempts[&(*id, **number)].unwanted);
            let what = || format!("j{id} is {}, and attempt {wanted:?} of it counts on", job.state);
            hold(Rule::OneLiveAttempt, wanted.is_none(), what)?;
        }
    }
    Ok(())
}

pub fn sweeps_fit_jobs(new: &Snapshot) -> Checked {
    for (id, sweep) in &new.sweeps {
        let jobs = || new.jobs.values().filter(|job| job.sweep == *id && !job.dropped);
        let open = jobs().any(|job| !job.is_terminal());
        let spoilt = jobs().any(|job| matches!(job.state.as_str(), "failed" | "cancelled" | "skipped"));
        let fits = match sweep.state.as_str() {
            "active" => open,
            "finished" => !open && !spoilt,
            "finished_with_failures" => !open && spoilt,
            _ => !open,
        };
        let states: Vec<&str> = jobs().map(|job| job.state.as_str()).collect();
        hold(Rule::NothingLost, fits, || format!("s{id} is {}, and its jobs are {states:?}", sweep.state))?;
    }
    Ok(())
}

pub fn acknowledged_is_recorded(world: &World, new: &Snapshot) -> Checked {
    if world.office.restored {
        return Ok(());
    }
    for (agent, spool, acked) in world.acknowledged(&new.generation) {
        let Some(recorded) = new.spools.get(spool) else { continue };
        let what = || format!("{agent} was told that report {acked} is recorded, and {recorded} is the last");
        hold(Rule::AcknowledgedIsRecorded, acked <= *recorded, what)?;
    }
    Ok(())
}

pub fn blobs_are_there(world: &World, new: &Snapshot) -> Checked {
    let Some(site) = &world.office.site else { return Ok(()) };
    let blobs = site.blobs();
    let there = |hash: &str| ContentHash::try_from(hash.to_owned()).is_ok_and(|hash| blobs.path(&hash).is_file());
    for checkpoint in &new.checkpoints {
        let (job, epoch) = (checkpoint.job, checkpoint.epoch);
        let what = || format!("the checkpoint of j{job} at epoch {epoch} names {}", checkpoint.hash);
        hold(Rule::BlobsAreThere, there(&checkpoint.hash), what)?;
    }
    for ((job, point, _), file) in &new.points {
        hold(Rule::BlobsAreThere, there(&file.hash), || format!("point {point:?} of j{job} names {}", file.hash))?;
    }
    Ok(())
}

/// No device of an agent was given more than it has slots for; an exclusive job was given the agent alone.
pub fn slots_hold(world: &World, new: &Snapshot) -> Checked {
    let mut held: BTreeMap<(&str, &str, u32), u32> = BTreeMap::new();
    let mut beside: BTreeMap<&str, (u32, bool)> = BTreeMap::new();
    for ((job, _), attempt) in new.live().filter(|(_, attempt)| attempt.state != "finishing") {
        *held.entry((&attempt.agent, &attempt.device, attempt.device_index)).or_default() += 1;
        let here = beside.entry(&attempt.agent).or_default();
        (here.0, here.1) = (here.0 + 1, here.1 || new.jobs[job].exclusive);
    }
    for ((agent, device, index), count) in held {
        let slots = world.slots(agent, device, index);
        let what = || format!("{count} attempts were given to {agent} on {device} {index}, which has {slots} slots");
        hold(Rule::SlotsHold, count <= slots, what)?;
    }
    for (agent, (count, exclusive)) in beside {
        hold(Rule::SlotsHold, count == 1 || !exclusive, || {
            format!("{agent} was given something beside an exclusive job")
        })?;
    }
    Ok(())
}
