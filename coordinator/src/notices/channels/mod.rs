//! The ways out: each turns a [`Message`] into what its server wants, sends it once, and says whether another try may help.

use std::time::Duration;

use super::Message;

/// Whom one copy is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// `me@example.org`
    Email(String),
    /// `+15550100`
    Sms(String),
    /// A hook's name.
    Hook(String),
}

/// Why a copy did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server is away, busy or full. `after`: not before, where it said so.
    #[error("{why}")]
    Later { why: String, after: Option<Duration> },
    /// Never in this form: refused, unknown, or wrongly set up.
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
