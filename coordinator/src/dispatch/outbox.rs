//! Where each session's messages go, and how far its spool is.

use std::collections::BTreeMap;

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::coordinator_message::Body;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

use super::fleet::SessionId;
use super::translate::message;
use crate::access::Refusal;

/// The way to one agent. When it is dropped the session's stream ends, and its reader with it.
pub struct Line {
    sender: Sender,
    /// The serial of the certificate that the agent showed; `None`: it came by the home's token.
    pub certificate: Option<String>,
    /// Only its drop matters.
    _gone: DropGuard,
}

type Sender = mpsc::UnboundedSender<Result<v1::CoordinatorMessage, Status>>;

impl Line {
    /// `gone` is cancelled when the line is dropped.
    pub fn new(sender: Sender, certificate: Option<String>, gone: &CancellationToken) -> Self {
        Self { sender, certificate, _gone: gone.clone().drop_guard() }
    }
}

/// The open sessions.
#[derive(Default)]
pub struct Outboxes {
    open: BTreeMap<SessionId, Outbox>,
}

pub struct Outbox {
    line: Line,
    pub spool: String,
    /// The number that the spool's next report must bear.
    pub next_seq: u64,
}

/// How a spooled report's number compares with the one that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Due,
    /// Recorded already: acknowledged again, without effect.
    Again,
    /// After a gap; it will be sent again when its turn has come.
    Early,
}

impl Outboxes {
    pub fn open(&mut self, session: SessionId, line: Line, spool: String, acked_seq: u64) {
        self.open.insert(session, Outbox { line, spool, next_seq: acked_seq + 1 });
    }

    pub fn close(&mut self, session: SessionId) {
        self.open.remove(&session);
    }

    /// Ends all sessions: the agents come back and begin anew.
    pub fn close_all(&mut self) {
        self.open.clear();
    }

    pub fn get(&mut self, session: SessionId) -> Option<&mut Outbox> {
        self.open.get_mut(&session)
    }

    /// To a session that has just gone nothing need be said.
    pub fn send(&self, session: SessionId, body: Body) {
        self.send_message(session, message(body));
    }

    pub fn send_message(&self, session: SessionId, message: v1::CoordinatorMessage) {
        if let Some(outbox) = self.open.get(&session) {
            let _ = outbox.line.sender.send(Ok(message));
        }
    }

    pub fn ack(&self, session: SessionId, seq: u64) {
        self.send(session, Body::Ack(v1::Ack { seq }));
    }

    pub fn cancel(&self, session: SessionId, token: Token) {
        self.send(session, Body::Cancel(v1::Cancel { token: Some(token.into()) }));
    }

    pub fn interrupt(&self, session: SessionId, token: Token, reason: String) {
        self.send(session, Body::Interrupt(v1::Interrupt { token: Some(token.into()), reason }));
    }

    pub fn drain(&self, session: SessionId, reason: &str) {
        self.send(session, Body::Drain(v1::Drain { reason: reason.to_owned() }));
    }

    pub fn missing(&self, session: SessionId, seq: u64, hashes: &[ContentHash]) {
        let hashes = hashes.iter().map(ContentHash::to_string).collect();
        self.send(session, Body::Missing(v1::Missing { seq, hashes }));
    }
}

impl Outbox {
    pub fn turn(&self, seq: u64) -> Turn {
        match seq.cmp(&self.next_seq) {
            std::cmp::Ordering::Equal => Turn::Due,
            std::cmp::Ordering::Less => Turn::Again,
            std::cmp::Ordering::Greater => Turn::Early,
        }
    }
}

/// The agent may not come in any more; what the gate would say.
pub fn shut_out(line: &Line, agent: String) {
    let refusal = Refusal::CertificateRevoked { agent };
    let _ = line.sender.send(Err(Status::unauthenticated(refusal.to_string())));
}

/// The session is refused, in words.
pub fn refuse(line: &Line, reason: &str) {
    tracing::warn!(reason, "a session is refused");
    // To a session that has just gone nothing need be said.
    let _ = line.sender.send(Ok(message(Body::Refused(v1::Refused { reason: reason.to_owned() }))));
}
