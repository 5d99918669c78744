//! The life of a job.

use sweep_shared::states::{FailureClass, JobState};

use super::Refusal;

/// Losses (agents that vanished under the job) after which it is given up: it may be what kills its hosts.
pub const LOSS_LIMIT: u32 = 10;

/// What a job's next state depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    pub state: JobState,
    /// Failed attempts since the job was submitted or retried by a user.
    pub failures: u32,
    /// Lost attempts, likewise.
    pub losses: u32,
    /// How many failures may be followed by another attempt.
    pub retries: u32,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEvent {
    /// All its input jobs have succeeded.
    InputsSucceeded,
    /// An input job ended otherwise.
    InputFailed,
    /// An attempt is granted.
    Granted,
    /// Its attempt's lease expired, and another attempt is granted.
    Stolen,
    Succeeded,
    Failed(FailureClass),
    /// Drained or preempted, with a checkpoint.
    Interrupted,
    /// The agent would not start it.
    Refused,
    /// Its agent vanished or restarted.
    Lost,
    /// The grant never reached its agent.
    NeverArrived,
    /// By a user.
    Cancel,
    /// By a user.
    Retry {
        inputs_succeeded: bool,
    },
}

impl JobEvent {
    pub fn word(self) -> &'static str {
        match self {
            Self::InputsSucceeded => "inputs_succeeded",
            Self::InputFailed => "input_failed",
            Self::Granted => "granted",
            Self::Stolen => "stolen",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::NeverArrived => "never_arrived",
            Self::Cancel => "cancel",
            Self::Retry { .. } => "retry",
        }
    }
}

/// Where a job goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    Blocked,
    Ready,
    /// Ready, but not before the backoff is over.
    ReadyLater,
    Running,
    Succeeded,
    Failed(FailureClass),
    Cancelled,
    Skipped,
}

impl To {
    pub fn state(self) -> JobState {
        match self {
            Self::Blocked => JobState::Blocked,
            Self::Ready | Self::ReadyLater => JobState::Ready,
            Self::Running => JobState::Running,
            Self::Succeeded => JobState::Succeeded,
            Self::Failed(_) => JobState::Failed,
            Self::Cancelled => JobState::Cancelled,
            Self::Skipped => JobState::Skipped,
        }
    }
}

/// A job's next state, with its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub to: To,
    pub failures: u32,
    pub losses: u32,
}

/// The state a job is born in.
pub fn initial(reused: bool, inputs_succeeded: bool) -> To {
    match (reused, inputs_succeeded) {
        (true, _) => To::Succeeded,
        (false, true) => To::Ready,
        (false, false) => To::Blocked,
    }
}

/// Decides what becomes of the job.
pub fn next_job(job: Job, event: JobEvent) -> Result<Step, Refusal> {
    use JobState as S;
    match (job.state, event) {
        (S::Blocked, JobEvent::InputsSucceeded) => Ok(job.keep(To::Ready)),
        (S::Blocked, JobEvent::InputFailed) => Ok(job.keep(To::Skipped)),
        (S::Ready, JobEvent::Granted) => Ok(job.keep(To::Running)),
        (S::Running, JobEvent::Stolen) => Ok(lost(job, To::Running)),
        (S::Running, JobEvent::Succeeded) => Ok(job.keep(To::Succeeded)),
        (S::Running, JobEvent::Failed(class)) => Ok(failed(job, class)),
        (S::Running, JobEvent::Interrupted | JobEvent::Refused | JobEvent::NeverArrived) => Ok(job.keep(To::Ready)),
        (S::Running, JobEvent::Lost) => Ok(lost(job, To::Ready)),
        (S::Blocked | S::Ready | S::Running | S::Paused, JobEvent::Cancel) => Ok(job.keep(To::Cancelled)),
        (S::Failed | S::Cancelled | S::Skipped | S::Stopped, JobEvent::Retry { inputs_succeeded }) => {
            Ok(retried(inputs_succeeded))
        }
        (state, event) => Err(Refusal { what: "the job", state: state.as_str(), event: event.word() }),
    }
}

impl Job {
    fn keep(self, to: To) -> Step {
        Step { to, failures: self.failures, losses: self.losses }
    }
}

/// A failure is tried again while its class may end otherwise and retries are left.
fn failed(job: Job, class: FailureClass) -> Step {
    let again = class.is_retryable() && job.failures < job.retries;
    let to = if again { To::ReadyLater } else { To::Failed(class) };
    Step { to, failures: job.failures + 1, losses: job.losses }
}

/// A loss spends no retry, but there is a limit.
fn lost(job: Job, otherwise: To) -> Step {
    let losses = job.losses + 1;
    let to = if losses > LOSS_LIMIT { To::Failed(FailureClass::Lost) } else { otherwise };
    Step { to, failures: job.failures, losses }
}

fn retried(inputs_succeeded: bool) -> Step {
    Step { to: if inputs_succeeded { To::Ready } else { To::Blocked }, failures: 0, losses: 0 }
}

/// One of each, for tests that try them all.
#[cfg(test)]
pub const EVENTS: [JobEvent; 15] = [
    JobEvent::InputsSucceeded,
    JobEvent::InputFailed,
    JobEvent::Granted,
    JobEvent::Stolen,
    JobEvent::Succeeded,
    JobEvent::Failed(FailureClass::Internal),
    JobEvent::Failed(FailureClass::BadInput),
    JobEvent::Failed(FailureClass::OutOfMemory),
    JobEvent::Interrupted,
    JobEvent::Refused,
    JobEvent::Lost,
    JobEvent::NeverArrived,
    JobEvent::Cancel,
    JobEvent::Retry { inputs_succeeded: true },
    JobEvent::Retry { inputs_succeeded: false },
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn job(state: JobState) -> Job {
        Job { state, failures: 0, losses: 0, retries: 1 }
    }

    /// The whole table, as the states that each event may lead to; everything that is not listed must be refused.
    #[test]
    fn the_table_is_what_the_design_says() {
        let allowed = |state: JobState, event: JobEvent| -> Option<JobState> {
            use JobState::{Blocked, Cancelled, Failed, Ready, Running, Skipped, Stopped, Succeeded};
            match (state.as_str(), event.word()) {
                ("blocked", "inputs_succeeded") => Some(Ready),
                ("blocked", "input_failed") => Some(Skipped),
                ("ready", "granted") | ("running", "stolen") => Some(Running),
                ("running", "succeeded") => Some(Succeeded),
                ("running", "failed") if event == JobEvent::Failed(FailureClass::BadInput) => Some(Failed),
                ("running", "failed" | "interrupted" | "refused" | "lost" | "never_arrived") => Some(Ready),
                ("blocked" | "ready" | "running" | "paused", "cancel") => Some(Cancelled),
                ("failed" | "cancelled" | "skipped" | "stopped", "retry") => {
                    Some(if event == (JobEvent::Retry { inputs_succeeded: true }) { Ready } else { Blocked })
                }
                _ => None,
            }
            .filter(|_| state != Stopped || event.word() == "retry")
        };
        for &state in JobState::ALL {
            for event in EVENTS {
                let got = next_job(job(state), event).ok().map(|step| step.to.state());
                assert_eq!(got, allowed(state, event), "{state} + {}", event.word());
            }
        }
    }

    #[test]
    fn retries_run_out() {
        let once = next_job(job(JobState::Running), JobEvent::Failed(FailureClass::Internal)).unwrap();
        assert_eq!(once, Step { to: To::ReadyLater, failures: 1, losses: 0 });
        let again = Job { failures: 1, ..job(JobState::Running) };
        let twice = next_job(again, JobEvent::Failed(FailureClass::Internal)).unwrap();
        assert_eq!(twice.to, To::Failed(FailureClass::Internal));
    }

    #[test]
    fn losses_spend_no_retry_but_have_a_limit() {
        let mut now = Job { retries: 0, ..job(JobState::Running) };
        for _ in 0..LOSS_LIMIT {
            let step = next_job(now, JobEvent::Lost).unwrap();
            assert_eq!((step.to, step.failures), (To::Ready, 0));
            now.losses = step.losses;
        }
        assert_eq!(next_job(now, JobEvent::Lost).unwrap().to, To::Failed(FailureClass::Lost));
        assert_eq!(next_job(now, JobEvent::Stolen).unwrap().to, To::Failed(FailureClass::Lost));
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        let refusal = next_job(job(JobState::Succeeded), JobEvent::Cancel).unwrap_err();
        assert_eq!(refusal.to_string(), "the job is succeeded: cancel is not possible");
    }

    proptest! {
        /// Whatever happens: success is for ever, the end is left by a retry only, and attempts are bounded by the counters.
        #[test]
        fn any_history_keeps_the_promises(retries in 0u32..4, history in prop::collection::vec(0usize..EVENTS.len(), 0..200)) {
            let mut now = Job { retries, ..job(JobState::Blocked) };
            let mut failed_since_retry = 0;
            for event in history.into_iter().map(|i| EVENTS[i]) {
                let Ok(step) = next_job(now, event) else { continue };
                prop_assert_ne!(now.state, JobState::Succeeded);
                if now.state.is_terminal() {
                    prop_assert_eq!(event.word(), "retry");
                    failed_since_retry = 0;
                }
                failed_since_retry += u32::from(event.word() == "failed");
                prop_assert_eq!(step.failures, failed_since_retry);
                prop_assert!(step.failures <= retries + 1);
                prop_assert!(step.losses <= LOSS_LIMIT + 1);
                now = Job { state: step.to.state(), failures: step.failures, losses: step.losses, retries };
            }
        }
    }
}
