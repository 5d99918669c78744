//! The page, for people with a browser: who they are, and what they may see.
//!
//! Each request goes through one door (`call`): it looks its route up in the one table (`routes`), finds the session that the
//! cookie stands for (`session`), and refuses whoever may not, forms that no page of ours made (`ticket`, `origin`), and
//! whatever is too large (`fields`), before the route's own code runs. A route is one file in `routes`, with what it does and
//! how it looks; all look alike (`layout`). Pages change while they are open (`live`), by one small script without which they work
//! all the same. Each answer goes out with the headers that tell the
//! browser what not to do (`headers`).
//!
//! Programs read the same as JSON (`api`), and what watches over services reads numbers (`metrics`): with a token instead of a session.
//!
//! Somebody signs in with a password (`password`) and a code from an app (`totp`) or from paper (`recovery`), with as many tries as
//! `tries` grants; or with a link that the command line asked for (`links`). Seeds are sealed in the database (`seal`); whatever else
//! proves somebody's identity is there as a hash only. The changes are commands of `store::web`.

mod api;
mod call;
mod cookies;
pub mod fields;
mod headers;
mod layout;
mod links;
mod lists;
mod live;
mod may;
mod metrics;
mod news;
mod origin;
pub mod password;
mod pending;
mod place;
mod query;
mod recovery;
mod routes;
mod seal;
mod session;
#[cfg(test)]
mod tests;
mod ticket;
mod totp;
mod tries;
mod trouble;
mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::Semaphore;

pub use headers::{ALWAYS as HEADERS, CONTENT_SECURITY_POLICY};
pub use links::{Bearer, Link};
pub use live::Pace;
pub use routes::{ROUTES, Route, Who, not_found};
pub use seal::SealError;
pub use session::Session;

use crate::access::Access;
use crate::api::Api;
use crate::clock::Clock;
use crate::store::Store;

/// How long sessions last, and the like.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// A session that was not used for so long is over.
    pub idle: Duration,
    /// No session lasts longer.
    pub absolute: Duration,
    /// How many one user may have at the same time.
    pub most_sessions: u32,
    /// Tell browsers never to come without TLS again.
    pub hsts: bool,
    /// How long a form may take to arrive.
    pub form_takes: Duration,
    /// How often open pages are rendered anew.
    pub pace: live::Pace,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle: Duration::from_hours(12),
            absolute: Duration::from_hours(7 * 24),
            most_sessions: 20,
            hsts: false,
            form_takes: Duration::from_secs(15),
            pace: live::Pace::default(),
        }
    }
}

/// What the routes need; cheap to clone.
#[derive(Clone)]
pub struct Web(Arc<Inner>);

struct Inner {
    /// What pages show and change, as calls do.
    api: Api,
    access: Access,
    store: Store,
    clock: Arc<dyn Clock>,
    settings: Settings,
    seal: seal::Seal,
    passwords: password::Passwords,
    tries: tries::Tries,
    pending: pending::PendingSignIns,
    links: links::Links,
    news: news::News,
    topics: live::Topics,
    /// Of live pages.
    streams: Arc<Semaphore>,
    trial: routes::health::Trials,
}

impl Web {
    /// Reads the key for what is sealed, or makes it.
    pub fn open(api: Api, access: Access, settings: Settings) -> Result<Self, SealError> {
        let seal = seal::Seal::open(&api.home.root().join("seal.key"))?;
        let topics = live::Topics::new(api.clone(), settings.pace);
        Ok(Self(Arc::new(Inner {
            store: api.store.clone(),
            clock: api.clock.clone(),
            api,
            access,
            settings,
            seal,
            passwords: Default::default(),
            tries: Default::default(),
            pending: Default::default(),
            links: Default::default(),
            news: Default::default(),
            topics,
            streams: Arc::new(Semaphore::new(live::MOST_STREAMS)),
            trial: Default::default(),
        })))
    }
}

/// All routes of the table, and nothing for other paths: whoever puts this beside others has [`not_found`] for those. Each request
/// must bear a [`net::Peer`] among its extensions.
///
/// [`net::Peer`]: crate::net::Peer
pub fn router(web: Web) -> Router {
    routes::router(web)
}
