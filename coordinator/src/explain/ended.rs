//! Jobs that are over.

use sweep_shared::states::FailureClass;

use super::running::stuck;
use super::words::{quoted, span};
use super::{Explanation, FleetFacts, JobFacts, memory};

pub fn succeeded(said: &mut Explanation, job: &JobFacts) {
    match (&job.reused_from, &job.last) {
        (Some((from, sweep)), _) => {
            said.reason(format!("Its result was taken over from {from} of sweep {sweep}: equal work is done once."));
        }
        (None, Some(last)) => {
            said.reason(format!("It succeeded{} in attempt {} on {}.", ago(job), last.number, last.agent));
            if let Some(parts) = memory::parts(job, last.micro_batches) {
                said.reason(parts);
            }
        }
        (None, None) => said.reason(format!("It succeeded{}.", ago(job))),
    }
    said.next(format!("`sweep results {}` shows what came out.", job.sweep.id));
}

pub fn failed(said: &mut Explanation, job: &JobFacts) {
    let class = job.class.unwrap_or(FailureClass::Internal);
    let on =
        job.last.as_ref().map_or_else(String::new, |last| format!(" in attempt {} on {}", last.number, last.agent));
    said.reason(format!("It failed{}{on} with {class}{}", ago(job), quoted(&job.message)));
    said.next(advice(job, class));
    if !matches!(class, FailureClass::Lost | FailureClass::TimedOut) {
        said.next(format!("`sweep logs {}` shows what it wrote.", job.job));
    }
}

fn advice(job: &JobFacts, class: FailureClass) -> String {
    let retry = format!("`sweep retry {}`", job.job);
    match class {
        FailureClass::BadInput => {
            format!("It would fail again as it is: mend the plan or what it reads, then {retry}.")
        }
        FailureClass::Diverged => {
            format!(
                "It would diverge again: change the learning rate or the precision and submit with `--amend`, or {retry}."
            )
        }
        FailureClass::TimedOut => {
            format!("Submit the plan with a larger `max_hours` and `--amend`; {retry} allows it as many hours again.")
        }
        FailureClass::Lost => format!(
            "It may be what takes its hosts down ({} losses): look at their memory and temperature, then {retry}.",
            job.losses
        ),
        FailureClass::OutOfMemory => {
            format!(
                "Nothing more can be done about it by itself: give it a larger device, a smaller network or a smaller batch, then {retry}."
            )
        }
        FailureClass::DiskFull => format!("Make room on the agent's disk, then {retry}."),
        FailureClass::DeviceError | FailureClass::Internal => {
            format!("All {} tries were spent; {retry} begins anew.", job.failures)
        }
    }
}

pub fn cancelled(said: &mut Explanation, job: &JobFacts) {
    said.reason(format!("It was cancelled{}{}", ago(job), quoted(&job.message)));
    said.next(format!("`sweep retry {}` brings it back.", job.job));
}

/// What could be done about its end no longer matters.
pub fn dropped(said: &mut Explanation, job: &JobFacts) {
    said.reason(format!("The amended plan of {} does not have it, so it counts no more.", job.sweep.id));
    said.next = vec!["Submit a plan that has it with `--amend` to take it back.".to_owned()];
}

pub fn skipped(said: &mut Explanation, job: &JobFacts) {
    match &job.culprit {
        Some(culprit) => {
            let class = culprit.class.map_or_else(String::new, |class| format!(" with {class}"));
            said.reason(format!(
                "It was skipped: its input {} ({}) is {}{class}.",
                culprit.job, culprit.stage, culprit.state
            ));
            said.next(format!(
                "`sweep retry {0}` brings both back; `sweep explain {0}` says what went wrong.",
                culprit.job
            ));
        }
        None => {
            said.reason(format!("It was skipped{}{}", ago(job), quoted(&job.message)));
            said.next(format!("`sweep retry {}` brings it back.", job.job));
        }
    }
}

/// The job is over, and its last attempt is not known to be.
pub fn still_held(said: &mut Explanation, fleet: &FleetFacts) {
    let Some(live) = &fleet.live else { return };
    if live.connected {
        said.reason(format!("Its attempt on {} has been told to stop, and holds its slot until it has.", live.agent));
        stuck(said, live);
    } else {
        said.reason(format!(
            "Its attempt on {} will be stopped when the agent is back (last heard {} ago).",
            live.agent,
            span(live.heard)
        ));
    }
}

fn ago(job: &JobFacts) -> String {
    job.ended.map_or_else(String::new, |ago| format!(" {} ago", span(ago)))
}
