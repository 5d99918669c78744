//! One browser that has a page open: `GET /live?of=/sweeps/3&have=…`, as server-sent events.
//!
//! `parts` holds the elements that have become others, by their ids; `log` what a runner has written; `end` says that nothing more
//! comes, and why. Each event's id is what the browser shows after it, to be said when it comes back. Between them comments keep
//! the connection alive.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use sweep_shared::ids::JobId;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::state::{Rendered, State};
use super::topic::{Shown, Topic};
use super::{Asked, log, pages};
use crate::api::Api;
use crate::web::call::{Answer, Call};
use crate::web::trouble::Trouble;
use crate::web::{Web, may};

/// Comments, so that neither end nor a proxy takes the silence for a dead connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What expires by itself is noticed this late at most.
const LOOK: Duration = Duration::from_secs(15);
/// A log is told no more often than this.
const LOG_GAP: Duration = Duration::from_millis(500);
/// How long a last word may take.
const LAST_WORD: Duration = Duration::from_secs(1);
/// Open pages of all users together.
pub const MOST_STREAMS: usize = 500;

pub(in crate::web) async fn show(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let (page, place, fields) = pages::find(call.fields.get("of")).ok_or(Trouble::NotFound)?;
    let permit = web.0.streams.clone().try_acquire_owned().map_err(|_| Trouble::Busy)?;
    let may_change = may::change(&web.0.api, session, &place).await?;
    let state = State::read(call.fields.get("have"));
    let asked = Asked::new(place, fields, may_change);
    // An earlier attempt's log, as a page may show it, does not grow.
    let job = if page.has_log && state.log.is_some() { Some(JobId(asked.number("job")?)) } else { None };
    let topic = web.0.topics.of(page, asked);
    let shown = topic.watch();
    let (events, stream) = mpsc::channel(1);
    let (api, held) = (web.0.api.clone(), events.clone());
    let teller = Teller { api, _topic: topic, shown, job, state, events: held, _permit: permit };
    let (stop, hash) = (web.0.api.stop.clone(), session.hash().to_owned());
    tokio::spawn(async move {
        let why = tokio::select! {
            // What is looked at ends with the coordinator, too, and that is the reason to be told.
            biased;
            () = stop.cancelled() => "stopping",
            () = until_signed_out(&web, &hash) => "signed-out",
            () = teller.run() => return,
        };
        // Whoever does not read it has other troubles.
        let _ = tokio::time::timeout(LAST_WORD, events.send(Ok(Event::default().event("end").data(why)))).await;
    });
    Ok(answer(stream))
}

fn answer(stream: mpsc::Receiver<Result<Event, Infallible>>) -> Response {
    let stream = Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    // nginx gathers answers otherwise.
    ([("x-accel-buffering", "no"), ("cache-control", "no-store")], stream).into_response()
}

/// Returns once the session is over: ended, revoked, or expired.
async fn until_signed_out(web: &Web, hash: &str) {
    let mut commits = web.0.store.watch();
    loop {
        // A database that does not answer has not ended the session.
        if matches!(web.stands(hash).await, Ok(false)) {
            return;
        }
        let look = tokio::time::sleep(LOOK);
        let mut look = std::pin::pin!(look);
        loop {
            tokio::select! {
                () = look.as_mut() => break,
                commit = commits.recv() => match commit {
                    Ok(changes) if !changes.access => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    // The coordinator stops, which is no reason to sign in again.
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
            }
        }
    }
}

struct Teller {
    api: Api,
    /// Is rendered as long as this is held.
    _topic: Arc<Topic>,
    shown: watch::Receiver<Shown>,
    job: Option<JobId>,
    state: State,
    events: mpsc::Sender<Result<Event, Infallible>>,
    _permit: OwnedSemaphorePermit,
}

/// The browser has gone, or what it looked at has.
struct Gone;

impl Teller {
    async fn run(mut self) {
        let mut written = self.api.logs.watch();
        written.mark_changed();
        loop {
            let told = tokio::select! {
                changed = self.shown.changed() => match changed {
                    Ok(()) => self.tell_parts().await,
                    Err(_) => return,
                },
                // Another attempt's log begins with nothing in it.
                _ = written.changed(), if self.job.is_some() => self.tell_log().await,
                () = self.events.closed() => return,
            };
            if told.is_err() {
                return;
            }
        }
    }

    async fn tell_parts(&mut self) -> Result<(), Gone> {
        let shown = self.shown.borrow_and_update().clone();
        let parts = match shown {
            Some(Ok(parts)) => parts,
            Some(Err(StatusCode::NOT_FOUND)) => {
                let _ = self.send(Event::default().event("end").data("gone")).await;
                return Err(Gone);
            }
            Some(Err(_)) | None => return Ok(()),
        };
        let new: BTreeMap<&str, &str> = self.state.advance(&parts).into_iter().map(by_id).collect();
        if new.is_empty() {
            return Ok(());
        }
        let event = Event::default().event("parts").json_data(&new).map_err(|_| Gone)?;
        self.send(event).await
    }

    async fn tell_log(&mut self) -> Result<(), Gone> {
        let Some(job) = self.job else { return Ok(()) };
        tokio::time::sleep(LOG_GAP).await;
        loop {
            let Some(at) = self.state.log else { return Ok(()) };
            let Ok(Some((piece, until))) = log::next(&self.api, job, at).await else { return Ok(()) };
            self.state.log = Some(until);
            let event = Event::default().event("log").json_data(&piece).map_err(|_| Gone)?;
            self.send(event).await?;
        }
    }

    /// With what the browser shows after it.
    async fn send(&self, event: Event) -> Result<(), Gone> {
        self.events.send(Ok(event.id(self.state.to_string()))).await.map_err(|_| Gone)
    }
}

fn by_id(part: &Rendered) -> (&str, &str) {
    (part.id, &part.html)
}
