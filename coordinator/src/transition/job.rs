//! The life of a job.

use sweep_shared::states::{FailureClass, JobState};

use super::Refusal;

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
    /// How many losses may.
    pub most_losses: u32,
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
    /// It ran out of memory, and the next attempt is made smaller, or given more.
    Remedied,
    /// It ran out of memory, and nothing is left that would help.
    BeyondRemedy,
    /// Drained, preempted or paused, with a checkpoint.
    Interrupted,
    /// The agent would not start it.
    Refused,
    /// Its agent vanished or restarted.
    Lost,
    /// The grant never reached its agent.
    NeverArrived,
    /// The database was restored from a backup: what its attempts did since is unknown.
    Restored,
    /// Its attempts ran for longer than the plan's `max_hours`.
    TimedOut,
    /// By a user.
    Cancel,
    /// By a user.
    Pause,
    /// By a user. `live`: an attempt that was told to stop is still there, and the job's own.
    Resume {
        live: bool,
        inputs_succeeded: bool,
    },
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
            Self::Remedied => "remedied",
            Self::BeyondRemedy => "beyond_remedy",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::NeverArrived => "never_arrived",
            Self::Restored => "restored",
            Self::TimedOut => "timed_out",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume { .. } => "resume",
            Self::Retry { .. } => "retry",
        }
    }
}

#[cfg(any(test, feature = "simulation"))]
impl JobEvent {
    /// The word, and what tells it from others of that word.
    pub fn name(self) -> String {
        let detail = match self {
            Self::Failed(class) => format!(" ({class})"),
            Self::Resume { live: true, .. } => " (its attempt lives)".to_owned(),
            Self::Resume { inputs_succeeded: true, .. } | Self::Retry { inputs_succeeded: true } => {
                " (inputs succeeded)".to_owned()
            }
            Self::Resume { .. } | Self::Retry { .. } => " (inputs open)".to_owned(),
            _ => String::new(),
        };
        format!("{}{detail}", self.word())
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
    Paused,
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
            Self::Paused => JobState::Paused,
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

/// Decides what becomes of the job. What a paused job's attempt still does counts; but the job stays set aside.
pub fn next_job(job: Job, event: JobEvent) -> Result<Step, Refusal> {
    use JobEvent as E;
    use JobState as S;
    let waits = if job.state == S::Paused { To::Paused } else { To::Ready };
    match (job.state, event) {
        (S::Blocked, E::InputsSucceeded) => Ok(job.keep(To::Ready)),
        (S::Blocked | S::Paused, E::InputFailed) => Ok(job.keep(To::Skipped)),
        (S::Ready, E::Granted) => Ok(job.keep(To::Running)),
        (S::Running, E::Stolen) => Ok(lost(job, To::Running)),
        (S::Running | S::Paused, E::Succeeded) => Ok(job.keep(To::Succeeded)),
        (S::Running | S::Paused, E::Failed(class)) => Ok(failed(job, class)),
        (S::Running | S::Paused, E::BeyondRemedy) => {
            Ok(Step { failures: job.failures + 1, ..job.keep(To::Failed(FailureClass::OutOfMemory)) })
        }
        (S::Running | S::Paused, E::Remedied | E::Interrupted | E::Refused | E::NeverArrived | E::Restored) => {
            Ok(job.keep(waits))
        }
        (S::Running | S::Paused, E::Lost) => Ok(lost(job, waits)),
        (S::Running | S::Paused, E::TimedOut) => Ok(job.keep(To::Failed(FailureClass::TimedOut))),
        (S::Blocked | S::Ready | S::Running | S::Paused, E::Cancel) => Ok(job.keep(To::Cancelled)),
        (S::Blocked | S::Ready | S::Running, E::Pause) => Ok(job.keep(To::Paused)),
        (S::Paused, E::Resume { live: true, .. }) => Ok(job.keep(To::Running)),
        (S::Paused, E::Resume { live: false, inputs_succeeded }) => Ok(job.keep(waiting(inputs_succeeded))),
        (S::Failed | S::Cancelled | S::Skipped | S::Stopped, E::Retry { inputs_succeeded }) => {
            Ok(Step { to: waiting(inputs_succeeded), failures: 0, losses: 0 })
        }
        (state, event) => Err(Refusal { what: "the job", state: state.as_str(), event: event.word() }),
    }
}

impl Job {
    fn keep(self, to: To) -> Step {
        Step { to, failures: self.failures, losses: self.losses }
    }
}

fn waiting(inputs_succeeded: bool) -> To {
    if inputs_succeeded { To::Ready } else { To::Blocked }
}

/// A failure is tried again while its class may end otherwise and retries are left.
fn failed(job: Job, class: FailureClass) -> Step {
    let again = class.is_retryable() && job.failures < job.retries;
    let wait = if job.state == JobState::Paused { To::Paused } else { To::ReadyLater };
    let to = if again { wait } else { To::Failed(class) };
    Step { to, failures: job.failures + 1, losses: job.losses }
}

/// A loss spends no retry, but there is a limit.
fn lost(job: Job, otherwise: To) -> Step {
    let losses = job.losses + 1;
    let to = if losses > job.most_losses { To::Failed(FailureClass::Lost) } else { otherwise };
    Step { to, failures: job.failures, losses }
}

/// One of each, for tests that try them all.
#[cfg(any(test, feature = "simulation"))]
pub const EVENTS: [JobEvent; 23] = [
    JobEvent::InputsSucceeded,
    JobEvent::InputFailed,
    JobEvent::Granted,
    JobEvent::Stolen,
    JobEvent::Succeeded,
    JobEvent::Failed(FailureClass::Internal),
    JobEvent::Failed(FailureClass::BadInput),
    JobEvent::Failed(FailureClass::OutOfMemory),
    JobEvent::Remedied,
    JobEvent::BeyondRemedy,
    JobEvent::Interrupted,
    JobEvent::Refused,
    JobEvent::Lost,
    JobEvent::NeverArrived,
    JobEvent::Restored,
    JobEvent::TimedOut,
    JobEvent::Cancel,
    JobEvent::Pause,
    JobEvent::Resume { live: true, inputs_succeeded: true },
    JobEvent::Resume { live: false, inputs_succeeded: true },
    JobEvent::Resume { live: false, inputs_succeeded: false },
    JobEvent::Retry { inputs_succeeded: true },
    JobEvent::Retry { inputs_succeeded: false },
];

#[cfg(test)]
mod tests;
