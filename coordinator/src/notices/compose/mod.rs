//! From what happened to what is said of it: what one wants to know at three in the morning, the weightiest first.
//!
//! Everything is read from the database at the moment at which the notice goes out for the first time; from then on it says the
//! same. `digest` is a sweep's end, `failures` what its failed jobs say and what can be done about each class, `best` its table and
//! plot, `world` what concerns no sweep, `several` what was held back.

mod best;
mod digest;
mod failures;
mod several;
mod sweep;
#[cfg(test)]
mod tests;
mod world;

use sweep_shared::words::one_line;

use super::Message;
use crate::store::notices::NoticeRow;
use crate::store::{Store, StoreError};

/// The longest title.
const TITLE: usize = 120;

/// `page`: how people reach the page; empty where nobody will.
pub async fn compose(store: &Store, page: &str, notice: &NoticeRow) -> Result<Message, StoreError> {
    let said = match (notice.occasion.as_str(), notice.sweep) {
        ("finished" | "failed" | "cancelled", Some(sweep)) => digest::compose(store, notice, sweep).await?,
        ("job_failed", Some(sweep)) => sweep::jobs_failed(store, notice, sweep).await?,
        ("paused", Some(sweep)) => sweep::paused(store, notice, sweep).await?,
        ("several", _) => several::compose(store, notice).await?,
        _ => world::compose(store, notice).await?,
    };
    let link = said.path.filter(|_| !page.is_empty()).map(|path| format!("{}{path}", page.trim_end_matches('/')));
    Ok(Message {
        id: format!("n{}@{}", notice.id.0, notice.generation),
        at_ms: notice.at_ms,
        mood: said.mood,
        event: event(&notice.occasion).to_owned(),
        title: one_line(&said.title, TITLE),
        lines: said.lines,
        table: said.table,
        link,
        plot: said.plot,
        facts: said.facts,
    })
}

/// What a message says, before it has its id and its address.
#[derive(Default)]
struct Said {
    mood: super::Mood,
    title: String,
    lines: Vec<String>,
    table: Option<super::Table>,
    plot: Option<String>,
    /// `/sweeps/s3`
    path: Option<String>,
    facts: serde_json::Value,
}

/// For programs, who need not know that the word is a setting's.
fn event(occasion: &str) -> &str {
    match occasion {
        "finished" => "sweep_finished",
        "failed" => "sweep_failed",
        "cancelled" => "sweep_cancelled",
        "paused" => "sweep_paused",
        "job_failed" => "job_failed",
        "sign_in" => "sign_in_new_place",
        "restarted" => "coordinator_restarted",
        other => other,
    }
}
