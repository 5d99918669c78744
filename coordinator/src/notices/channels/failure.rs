//! Which failures are worth another try, and how soon.
//!
//! What is wrong with the one copy (an unknown address, a message that is refused) stays wrong. What is wrong with the set-up (a password,
//! a certificate, a missing file) is put right by somebody in the morning; what happened in the night is then still to be told.

use std::time::Duration;

use super::SendError;

/// Between tries while somebody has to put something right. Servers lock out those who come with a wrong password too often.
pub const SET_UP_PAUSE: Duration = Duration::from_hours(1);
/// A server may ask for patience, but not until nobody cares any more.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

pub fn set_up(why: impl Into<String>) -> SendError {
    SendError::Later { why: why.into(), after: Some(SET_UP_PAUSE) }
}

pub fn later(why: impl Into<String>) -> SendError {
    SendError::Later { why: why.into(), after: None }
}

/// As the server asked for.
pub fn after(why: impl Into<String>, pause: Option<Duration>) -> SendError {
    SendError::Later { why: why.into(), after: pause.map(|pause| pause.min(LONGEST_PAUSE)) }
}

pub fn never(why: impl Into<String>) -> SendError {
    SendError::Never { why: why.into() }
}

/// An error with what caused it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    super::clean::line(&text)
}
