//! Why a job is where it is, and what happens next: what `sweep explain` says to somebody who looks at a study at three in
//! the morning and wants to go back to bed.
//!
//! The database knows the job ([`JobFacts`]), the dispatcher the agents and leases ([`FleetFacts`]). From both, [`explain`] makes
//! sentences, without I/O: first what matters most. One file tells of jobs that wait (`waiting`, with `places` and
//! `devices`), one of those that run (`running`), one of those that have ended (`ended`); `words` says times and sizes.

mod devices;
mod ended;
mod facts;
mod memory;
mod places;
mod running;
mod waiting;
pub(crate) mod words;

use sweep_shared::states::JobState;

pub use memory::{Known, Promise};

pub use facts::{
    AgentFacts, Barred, Culprit, DeviceFacts, FleetFacts, Input, JobFacts, LastAttempt, LiveFacts, Paused, SweepFacts,
};

/// Whole sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What it waits for, or does; the weightiest first.
    pub reasons: Vec<String>,
    /// What happens next, and what the user can do.
    pub next: Vec<String>,
}

/// Puts what is known into words.
pub fn explain(job: &JobFacts, fleet: &FleetFacts) -> Explanation {
    let mut said = Explanation::default();
    match job.state {
        JobState::Blocked => waiting::blocked(&mut said, job),
        JobState::Ready => waiting::ready(&mut said, job, fleet),
        JobState::Running => running::running(&mut said, job, fleet),
        JobState::Paused => waiting::paused(&mut said, job, fleet),
        JobState::Succeeded => ended::succeeded(&mut said, job),
        JobState::Failed => ended::failed(&mut said, job),
        JobState::Cancelled => ended::cancelled(&mut said, job),
        JobState::Skipped => ended::skipped(&mut said, job),
        JobState::Stopped => said.reason("A search stopped it early."),
    }
    if job.dropped {
        ended::dropped(&mut said, job);
    }
    if job.state.is_terminal() {
        ended::still_held(&mut said, fleet);
    }
    said
}

impl Explanation {
    fn reason(&mut self, sentence: impl Into<String>) {
        self.reasons.push(sentence.into());
    }

    fn next(&mut self, sentence: impl Into<String>) {
        self.next.push(sentence.into());
    }
}

#[cfg(test)]
mod tests;
