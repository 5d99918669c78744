//! Email: a [`letter`] (text, the same as HTML, and the plot) goes to the server in one [`session`], which knows at which step it was refused.
//!
//! `html` and `text` say the same; `narrow` keeps what comes before TLS from being taken for what comes behind it.

mod html;
mod letter;
mod narrow;
mod session;
mod text;

use std::time::Duration;

use super::short::{Room, compose};
use super::{SendError, Sent, plot};
use crate::notices::{Message, Smtp};
use letter::Letter;
pub use text::aligned;

/// Servers look for viruses before they answer to the end of a message.
pub const PATIENCE: Duration = Duration::from_mins(2);

pub async fn send(smtp: &Smtp, message: &Message, to: &str, patience: Duration) -> Result<Sent, SendError> {
    let picture = match message.plot.clone() {
        // Some hundred milliseconds at worst.
        Some(svg) => drawn(tokio::task::spawn_blocking(move || plot::png(&svg)).await),
        None => None,
    };
    session::deliver(smtp, &Letter::whole(message, &smtp.from, to, picture)?, patience).await
}

/// To a gateway that makes a text message of it.
pub async fn send_short(smtp: &Smtp, message: &Message, to: &str, patience: Duration) -> Result<Sent, SendError> {
    let text = compose(message, Room::GATEWAY);
    session::deliver(smtp, &Letter::short(message, &smtp.from, to, text)?, patience).await
}

/// A letter without its picture is better than none.
fn drawn(drawn: Result<Result<(Vec<u8>, u32), String>, tokio::task::JoinError>) -> Option<(Vec<u8>, u32)> {
    match drawn {
        Ok(Ok(picture)) => Some(picture),
        Ok(Err(why)) => {
            tracing::warn!(%why, "the plot of a notice cannot be drawn; it goes out without");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the plot of a notice cannot be drawn; it goes out without");
            None
        }
    }
}
