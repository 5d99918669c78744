//! The ways out: each turns a [`Message`] into what its server wants, sends it once, and says whether another try may help.
//!
//! [`Outlets`] picks the way: `mail`, `sms` (or a gateway from mail to SMS), `hooks`. What all share: texts are cleaned before anything is made of
//! them (`clean`), secrets are read from their files at the moment they are used (`secret`), and `failure` says what a refusal means.

mod clean;
mod failure;
mod hooks;
mod http;
mod mail;
mod outlets;
mod plot;
mod secret;
mod short;
mod sms;

use std::time::Duration;

pub use failure::SET_UP_PAUSE;
pub use http::client;
pub use outlets::Outlets;

use super::Message;

/// Whom one copy is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// `me@example.org`
    Email(String),
    /// `+15550100`, or a gateway's address: `15550100@txt.example.org`
    Sms(String),
    /// A hook's name.
    Hook(String),
}

/// Why a copy did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server is away, busy or full; or something is wrongly set up, which somebody may put right. `after`: not before, where it said so.
    #[error("{why}")]
    Later { why: String, after: Option<Duration> },
    /// This copy never: the address is unknown, the message refused.
    #[error("{why}")]
    Never { why: String },
}

/// What came of a copy that a server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What the server said: `250 2.0.0 OK`.
    pub answer: String,
}

/// Something that takes copies: the real ways out, and whatever tests put in their place.
pub trait Outlet: Send + Sync + 'static {
    fn send(&self, message: &Message, to: &Address) -> impl Future<Output = Result<Sent, SendError>> + Send;
}
