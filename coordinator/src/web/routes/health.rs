//! Whether the coordinator works, for those who watch over services: nothing that a stranger may not know.

use std::time::Duration;

use axum::response::IntoResponse;
use http::{StatusCode, header};
use tokio::sync::Mutex;

use crate::store::Trial;
use crate::web::Web;
use crate::web::call::{Answer, Call};

/// The last trial: when, and whether the database could be written.
pub type Trials = Mutex<Option<(Duration, bool)>>;

/// Strangers who ask more often learn what was found last.
const EACH: Duration = Duration::from_secs(10);
/// A disk that takes longer does not work.
const PATIENCE: Duration = Duration::from_secs(5);

pub async fn show(web: Web, _: Call) -> Answer {
    let (status, text) = if is_well(&web).await {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "nothing can be recorded at present; the coordinator's log says why\n")
    };
    Ok((status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Whether the database can be written: it is tried, unless that was done a moment ago.
async fn is_well(web: &Web) -> bool {
    if web.0.store.halt().is_some() {
        return false;
    }
    let mut last = web.0.trial.lock().await;
    let now = web.0.clock.now();
    if let Some((at, worked)) = *last
        && now.saturating_sub(at) < EACH
    {
        return worked;
    }
    let worked = matches!(tokio::time::timeout(PATIENCE, web.0.store.write(Trial)).await, Ok(Ok(())));
    *last = Some((web.0.clock.now(), worked));
    worked
}
