//! The states of DESIGN §5 as closed enums. Which state may follow which is decided in the coordinator's `transition`
//! module; here are only the words, so that they are spelt once for SQL, gRPC, JSON and people.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have one spelling everywhere.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: stringify!($name), text: text.to_owned() }),
                }
            }
        }
    };
}

/// A word that no variant of the enum `what` bears.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a {what}")]
pub struct UnknownWord {
    what: &'static str,
    text: String,
}

words!(
    /// The life of a sweep. Paused is a flag beside it, not a state.
    SweepState {
        Active = "active",
        Finished = "finished",
        FinishedWithFailures = "finished_with_failures",
        Cancelled = "cancelled",
    }
);

words!(
    /// The life of a job.
    JobState {
        /// Waits for its input jobs.
        Blocked = "blocked",
        Ready = "ready",
        Running = "running",
        /// Set aside by the user; returns to where it was.
        Paused = "paused",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
        /// Ended early by a search that saw enough.
        Stopped = "stopped",
        /// An input job did not succeed.
        Skipped = "skipped",
    }
);

impl JobState {
    /// No event but a user's `retry` leads out of a terminal state, and none out of `succeeded`.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Stopped | Self::Skipped)
    }
}

words!(
    /// The life of an attempt.
    AttemptState {
        /// Granted, not yet confirmed by the agent.
        Leased = "leased",
        Running = "running",
        /// The runner is done; the agent uploads what it made.
        Finishing = "finishing",
        Succeeded = "succeeded",
        Failed = "failed",
        /// Drain, preemption or pause: a checkpoint was written, no retry is spent.
        Interrupted = "interrupted",
        /// The agent would not start it (memory, device).
        Refused = "refused",
        Cancelled = "cancelled",
        Stopped = "stopped",
        /// Its agent vanished.
        Lost = "lost",
        /// Fenced by a newer attempt.
        Stale = "stale",
    }
);

impl AttemptState {
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Leased | Self::Running | Self::Finishing)
    }
}

words!(
    /// Why an attempt failed, which decides whether and how it is tried again.
    FailureClass {
        OutOfMemory = "out_of_memory",
        Diverged = "diverged",
        /// The job can never succeed as it stands: no retry.
        BadInput = "bad_input",
        DiskFull = "disk_full",
        DeviceError = "device_error",
        Lost = "lost",
        /// It ran longer than the plan's `max_hours`.
        TimedOut = "timed_out",
        Internal = "internal",
    }
);

impl FailureClass {
    /// Whether another attempt of the same job may end differently.
    pub fn is_retryable(self) -> bool {
        !matches!(self, Self::BadInput | Self::Diverged | Self::TimedOut)
    }
}
