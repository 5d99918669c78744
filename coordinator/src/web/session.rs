//! Who a request is of, by its cookie.

use axum::response::Response;
use http::{HeaderMap, header};
use sweep_shared::access::Role;

use super::Web;
use super::call::Peer;
use super::cookies::Cookie;
use super::place;
use super::ticket::Ticket;
use crate::access::{Credential, Principal, Standing};
use crate::store::StoreError;
use crate::store::web::{self, BeginSession, Proof, SessionRow, Touch};

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) ticket: Ticket,
    row: SessionRow,
}

/// Its use is recorded this often, and not with each request.
const TOUCHED_EACH_MS: i64 = 60_000;

impl Session {
    pub fn user(&self) -> &str {
        &self.row.user
    }

    /// Never above the user's own.
    pub fn role(&self) -> Role {
        self.row.role
    }

    /// Whether it is of a user, and not of the home's own token.
    pub fn has_account(&self) -> bool {
        self.row.account
    }

    /// The user may do no more than this session may.
    pub fn is_full(&self) -> bool {
        self.row.full
    }

    /// Unix milliseconds. Earlier, where it is not used.
    pub fn expires_ms(&self) -> i64 {
        self.row.expires_ms
    }

    /// As calls know who calls.
    pub(super) fn principal(&self) -> Principal {
        Principal {
            name: self.row.user.clone(),
            standing: Standing::Person(self.row.role),
            credential: Credential::Session(self.row.hash.clone()),
            expires_ms: Some(self.row.expires_ms),
        }
    }

    pub(super) fn hash(&self) -> &str {
        &self.row.hash
    }
}

impl Web {
    /// Whom a request with these headers is of, if anybody is signed in and may still be. For whoever decides about calls that do not
    /// go through the table of routes.
    pub async fn session(&self, headers: &HeaderMap, tls: bool) -> Result<Option<Session>, StoreError> {
        let Some(ticket) = Cookie::Session.read(headers, tls) else { return Ok(None) };
        let Some(row) = self.standing(&ticket.hash()).await? else { return Ok(None) };
        Ok(Some(Session { ticket, row }))
    }

    /// Notes that somebody uses it.
    pub(super) async fn used(&self, session: &Session) {
        if session.row.seen_ms + TOUCHED_EACH_MS <= self.0.clock.unix_ms() {
            self.touch(&session.row.hash).await;
        }
    }

    /// Whether a session is still to be believed. That somebody looks is no use of it.
    pub(super) async fn stands(&self, hash: &str) -> Result<bool, StoreError> {
        Ok(self.standing(hash).await?.is_some())
    }

    async fn standing(&self, hash: &str) -> Result<Option<SessionRow>, StoreError> {
        let now_ms = self.0.clock.unix_ms();
        let row = web::session(&self.0.store, hash, now_ms).await?;
        let idle_ms = self.0.settings.idle.as_millis() as i64;
        Ok(row.filter(|row| row.expires_ms > now_ms && row.seen_ms + idle_ms > now_ms))
    }

    /// A disk that cannot be written to is no reason to show nothing.
    async fn touch(&self, hash: &str) {
        if let Err(error) = self.0.store.write(Touch { hash: hash.to_owned() }).await {
            tracing::debug!(%error, "the use of a session is not recorded");
        }
    }

    /// Begins one for what was proved, and gives the browser its cookie with the answer.
    pub(super) async fn begin(
        &self,
        user: &str,
        proof: Proof,
        (peer, before): (Peer, Option<&Session>),
        mut answer: Response,
    ) -> Result<Response, StoreError> {
        let ticket = Ticket::fresh();
        let settings = &self.0.settings;
        let begin = BeginSession {
            user: user.to_owned(),
            proof,
            hash: ticket.hash(),
            replaces: before.map(|session| session.row.hash.clone()),
            place: place::place(peer.address),
            absolute: settings.absolute,
            idle: settings.idle,
            most: settings.most_sessions,
        };
        let begun = self.0.store.write(begin).await?;
        let left_ms = begun.expires_ms - self.0.clock.unix_ms();
        let lasts = std::time::Duration::from_millis(left_ms.max(0) as u64);
        let headers = answer.headers_mut();
        headers.append(header::SET_COOKIE, Cookie::Session.set(&ticket, peer.tls, Some(lasts)));
        headers.append(header::SET_COOKIE, Cookie::Form.clear(peer.tls));
        Ok(answer)
    }
}
