//! Jobs that are not running.

use sweep_shared::states::{AttemptState, JobState};

use super::words::{count, list, quoted, span};
use super::{Explanation, FleetFacts, Input, JobFacts, Paused, SweepFacts, memory, places};

pub fn blocked(said: &mut Explanation, job: &JobFacts) {
    let open: Vec<&Input> = job.inputs.iter().filter(|input| input.state != JobState::Succeeded).collect();
    let named: Vec<String> =
        open.iter().map(|input| format!("{} ({}, {})", input.job, input.stage, input.state)).collect();
    let jobs = count(open.len() as u32, "input job", "input jobs");
    if named.is_empty() {
        said.reason("It waits for its inputs, which have all succeeded by now.");
    } else {
        said.reason(format!("It waits for {jobs}: {}.", list(&named)));
    }
    sweep_paused(said, &job.sweep);
    if let Some(paused) = open.iter().find(|input| input.state == JobState::Paused) {
        said.next(format!("{0} is paused: `sweep resume {0}` goes on with it.", paused.job));
    }
    match open.first() {
        Some(first) => said.next(format!(
            "It becomes ready when they have succeeded; `sweep explain {}` says how that one stands.",
            first.job
        )),
        None => said.next("It becomes ready in a moment."),
    }
}

pub fn ready(said: &mut Explanation, job: &JobFacts, fleet: &FleetFacts) {
    sweep_paused(said, &job.sweep);
    if fleet.unserved {
        said.reason(format!(
            "This coordinator was started by `sweep local` for another plan, and hands out only that one's jobs, not those of {}.",
            job.sweep.id
        ));
        said.next("Run `sweep local` with this plan, or `sweep serve` for all.");
    }
    last_end(said, job);
    if let Some(wait) = job.wait {
        said.next(format!("It is tried again in {}.", span(wait)));
    }
    if let Some(parts) = memory::parts(job, job.micro_batches).filter(|_| job.last.is_none()) {
        said.next(parts);
    }
    held(said, fleet);
    if !said.reasons.is_empty() && (job.sweep.paused.is_some() || fleet.unserved || job.wait.is_some()) {
        return;
    }
    places::room(said, job, fleet);
}

/// What became of the attempt before, where the job came back from it.
fn last_end(said: &mut Explanation, job: &JobFacts) {
    let Some(last) = &job.last else { return };
    let ago = last.ended.map_or_else(String::new, |ago| format!(" {} ago", span(ago)));
    let on = format!("Attempt {} on {}", last.number, last.agent);
    match (last.state, last.class) {
        (AttemptState::Failed, _) if memory::is_remedied(job, last) => {
            said.reason(format!("Attempt {} {}.", last.number, job.message.trim_end_matches('.')));
        }
        (AttemptState::Failed, Some(class)) => said.reason(format!(
            "{on} failed{ago} with {class}, its failure {} of {}{}",
            job.failures,
            job.retries + 1,
            quoted(&last.message)
        )),
        (AttemptState::Interrupted, _) => {
            said.reason(format!("{on} was interrupted{ago}{}", quoted(&last.message)));
        }
        (AttemptState::Lost, _) => said.reason(format!(
            "{on} was lost{ago}, its loss {} of {}{}",
            job.losses,
            job.most_losses,
            quoted(&last.message)
        )),
        _ => {}
    }
    if let (AttemptState::Failed | AttemptState::Interrupted | AttemptState::Lost, Some((epoch, _))) =
        (last.state, job.checkpoint)
    {
        said.next(format!("The next attempt goes on from the checkpoint of epoch {epoch}."));
    }
}

/// A cancelled attempt still holds the job's place.
fn held(said: &mut Explanation, fleet: &FleetFacts) {
    let Some(live) = &fleet.live else { return };
    let until = match live.lease {
        Some(_) if live.connected => "it has been told to stop".to_owned(),
        Some(left) => format!("it is not connected, and may be passed over in {}", span(left)),
        None => "it has been silent for too long, and is passed over".to_owned(),
    };
    said.reason(format!("An earlier attempt on {} has not ended yet: {until}.", live.agent));
    said.next("The next attempt begins when that one has ended.");
}

pub fn paused(said: &mut Explanation, job: &JobFacts, fleet: &FleetFacts) {
    let paused = job.paused.clone().unwrap_or_default();
    said.reason(format!("It is paused{}.", by(&paused)));
    match &fleet.live {
        Some(live) if live.finishing => said.reason(format!(
            "Its attempt on {} was done before that; what it made is being uploaded, and counts.",
            live.agent
        )),
        Some(live) if live.connected => said.reason(format!(
            "Its attempt on {} has been told to write a checkpoint and stop; should it succeed first, that counts.",
            live.agent
        )),
        Some(live) => said.reason(format!(
            "Its attempt on {} will be told to stop when the agent is back (last heard {} ago).",
            live.agent,
            span(live.heard)
        )),
        None => {}
    }
    sweep_paused(said, &job.sweep);
    said.next(format!("`sweep resume {}` goes on with it.", job.job));
}

pub fn sweep_paused(said: &mut Explanation, sweep: &SweepFacts) {
    let Some(paused) = &sweep.paused else { return };
    if paused.reason.is_empty() {
        said.reason(format!("Its sweep {} is paused{}.", sweep.id, by(paused)));
        said.next(format!("`sweep resume {}` goes on with it.", sweep.id));
    } else {
        said.reason(format!("Its sweep {} is paused{}", sweep.id, quoted(&paused.reason)));
        said.next(format!(
            "`sweep resume {}` goes on regardless; so does submitting the plan with a larger budget and `--amend`.",
            sweep.id
        ));
    }
}

fn by(paused: &Paused) -> String {
    let by = if paused.by.is_empty() { String::new() } else { format!(", by {}", paused.by) };
    let ago = paused.ago.map_or_else(String::new, |ago| format!(", since {}", span(ago)));
    format!("{by}{ago}")
}
