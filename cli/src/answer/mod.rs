//! What a coordinator answers, in types of our own: the gRPC messages are converted here, as soon as they arrive, and
//! appear nowhere else but in `connect`. Metrics and parameters are parsed, states are enums, times are durations.

mod access;
mod agent;
mod attempt;
mod curve;
mod explanation;
mod garbage;
mod job;
mod logged;
mod notice;
mod pace;
mod point;
mod sweep;

pub use access::{Caller, Certificate, TokenRow, User};
pub use agent::Agent;
pub use attempt::Attempt;
#[cfg(test)]
pub use attempt::Resumed;
pub use curve::EpochEnd;
pub use explanation::Explanation;
pub use garbage::Garbage;
pub use job::Job;
pub use logged::Logged;
pub use notice::{Notice, TriedNotice};
pub use pace::Pace;
pub use point::{Point, StoredFile};
pub use sweep::{Counts, Sweep};

use std::time::{Duration, SystemTime};

use crate::exit::Failure;

/// What the coordinator said cannot be understood; most likely it is of another version.
pub(crate) fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::unreachable(format!("the coordinator's answer is not understood: {error}"))
        .hint("`sweep` and the coordinator are perhaps of different versions; use the same on both sides")
}

/// Unix milliseconds; 0 means that it has not happened.
pub(crate) fn instant(ms: i64) -> Option<SystemTime> {
    let ms = u64::try_from(ms).ok().filter(|ms| *ms > 0)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
}

/// From `start` until `end`, or until now while it goes on.
fn span(start: Option<SystemTime>, end: Option<SystemTime>) -> Option<Duration> {
    end.unwrap_or_else(SystemTime::now).duration_since(start?).ok()
}
