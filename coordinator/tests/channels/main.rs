//! Notices on their way out, to real servers: exim4 takes the mail and Python reads it; what speaks HTTP is a server of ours that misbehaves
//! on demand.

mod cable;
mod exim;
mod hooks;
mod http;
mod mail;
mod mail_refused;
mod read;
mod samples;
mod sms;
mod trust;

use std::time::Duration;

use sweep_coordinator::notices::channels::{Address, Outlet as _, Outlets, SendError, Sent};
use sweep_coordinator::notices::{Message, Settings};

/// Nothing here waits for time to pass: whoever waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn send(settings: &Settings, message: &Message, to: &Address) -> Result<Sent, SendError> {
    Outlets::with_patience(settings.clone(), PATIENCE).send(message, to).await
}

/// Says which of the two it is, and why.
#[track_caller]
fn never(result: Result<Sent, SendError>) -> String {
    match result {
        Err(SendError::Never { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn later(result: Result<Sent, SendError>) -> (String, Option<Duration>) {
    match result {
        Err(SendError::Later { why, after }) => (why, after),
        other => panic!("{other:?}"),
    }
}
