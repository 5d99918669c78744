//! Jobs that an agent has.

use std::time::Duration;

use sweep_shared::states::AttemptState;

use super::devices;
use super::waiting::sweep_paused;
use super::words::{device, quoted, span};
use super::{Explanation, FleetFacts, JobFacts, LastAttempt, LiveFacts, memory};

pub fn running(said: &mut Explanation, job: &JobFacts, fleet: &FleetFacts) {
    let Some(last) = &job.last else { return };
    let place = device(last.device, last.device_index, &last.agent);
    let since = span(last.granted);
    match last.state {
        AttemptState::Leased => said.reason(format!(
            "Attempt {} was granted to {place} {since} ago, and has not begun yet: files are fetched, or others go first.",
            last.number
        )),
        AttemptState::Finishing => said.reason(format!(
            "Attempt {} on {place} is done; what it made is being uploaded, and its slot is free.",
            last.number
        )),
        _ => said.reason(format!("Attempt {} runs on {place}, since {since}.", last.number)),
    }
    releasing(said, &place, last, fleet);
    if let Some(parts) = memory::parts(job, last.micro_batches) {
        said.reason(parts);
    }
    progress(said, job, last);
    sweep_paused(said, &job.sweep);
    match &fleet.live {
        Some(live) => lease(said, job, live),
        None => said.reason("The agent has just told of its end, which is being recorded."),
    }
}

/// All slots of its device may still be held by what ran there before: then it waits at the agent.
fn releasing(said: &mut Explanation, place: &str, last: &LastAttempt, fleet: &FleetFacts) {
    let devices = fleet.agents.iter().filter(|agent| agent.id == last.agent).flat_map(|agent| &agent.devices);
    let mut here = devices.filter(|on| (on.class, on.index) == (last.device, last.device_index));
    if let Some(on) = here.find(|on| on.slots == 0 && !on.status.releasing.is_empty()) {
        said.reason(devices::releasing(place, on));
    }
}

fn progress(said: &mut Explanation, job: &JobFacts, last: &LastAttempt) {
    let from = match last.resumed_epoch {
        0 => String::new(),
        epoch => format!(", having gone on from epoch {epoch}"),
    };
    if let (epoch, epochs @ 1..) = job.epoch {
        said.reason(format!("It has finished epoch {epoch} of {epochs}{from}."));
    }
    match job.checkpoint {
        Some((epoch, ago)) => {
            said.reason(format!("The newest checkpoint here is of epoch {epoch}, {} old.", span(ago)));
        }
        None if last.state == AttemptState::Running => said.reason("There is no checkpoint of it here yet."),
        None => {}
    }
}

/// What becomes of it if the agent does not come back.
fn lease(said: &mut Explanation, job: &JobFacts, live: &LiveFacts) {
    let heard = span(live.heard);
    let from = match job.checkpoint {
        Some((epoch, _)) => format!("from epoch {epoch}"),
        None => "from the beginning".to_owned(),
    };
    if let Some(why) = &live.stopping {
        let told = if live.connected { "has been told" } else { "will be told, when its agent is back," };
        said.reason(format!("It {told} to write a checkpoint and stop ({why})."));
        said.next("It is then ready again, and goes on from there.");
    }
    if live.connected {
        said.reason(format!("{} was heard {heard} ago.", live.agent));
        silent(said, live);
        stuck(said, live);
        hours(said, job, live);
        return;
    }
    match live.lease {
        Some(left) => {
            said.reason(format!("{} is not connected, and was last heard {heard} ago.", live.agent));
            said.next(format!("If it is not back in {}, another agent may go on {from}.", span(left)));
        }
        None => {
            said.reason(format!("{} is not connected, was last heard {heard} ago, and its lease is over.", live.agent));
            said.next(format!("The next agent with room goes on {from}."));
        }
    }
    said.next(format!("If {} comes back before, its work counts.", live.agent));
}

fn silent(said: &mut Explanation, live: &LiveFacts) {
    let Some((silent, left)) = live.silence else { return };
    said.reason(format!("Its runner has told of no progress for {}.", span(silent)));
    if left.is_zero() {
        said.next("It is judged hung, and ended: the job is tried again from its last checkpoint.");
    } else {
        said.next(format!(
            "If it stays silent for another {}, it is judged hung and ended, and the job is tried again from its last \
             checkpoint; `hang_after` in the plan says how long that is.",
            span(left)
        ));
    }
}

/// Killed, and still there.
pub fn stuck(said: &mut Explanation, live: &LiveFacts) {
    if !live.stuck.is_empty() {
        said.reason(format!("Its processes were killed, but are still there{}", quoted(&live.stuck)));
        said.next(format!(
            "Its slot on {} stays taken until they are gone; where a driver or a dead network disk holds them, only a \
             restart of that machine helps.",
            live.agent
        ));
    }
}

fn hours(said: &mut Explanation, job: &JobFacts, live: &LiveFacts) {
    let Some(most) = job.max_hours else { return };
    let left = Duration::from_secs_f64((most * 3600.0 - live.spent.as_secs_f64()).max(0.0));
    said.next(format!("Of its max_hours of {most} it has {} left; then it fails.", span(left)));
}
