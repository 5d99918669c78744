//! `/sweeps/{sweep}`: how a study goes and what came out of it.
//!
//! Each section is a file: the `head` with state, progress and hours; the `graph` of its stages; its `jobs`, filtered, sorted and in
//! pages; the `front` of any two metrics; `curves` of accuracy by compression; the table of `results`. What is asked of them all
//! stands in the address, so that a page can be bookmarked and sent to a colleague.

mod curves;
mod front;
mod graph;
mod head;
mod jobs;
pub mod plan;
mod results;

pub use jobs::took;
pub use results::written;

use axum::response::IntoResponse;
use maud::html;
use sweep_shared::ids::SweepId;

use crate::store::StoreError;
use crate::views::results::Answer as Made;
use crate::views::sweeps;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::fields::Fields;
use crate::web::layout::page;
use crate::web::live::{Asked, Part};
use crate::web::query::Query;
use crate::web::trouble::Trouble;

pub async fn show(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let sweep = SweepId(call.number("sweep")?);
    let query = query(sweep, &call.fields);
    let (detail, table) =
        tokio::try_join!(sweeps::detail(&web.0.api, sweep), web.0.tables.of(&web.0.store, sweep)).map_err(not_found)?;
    let jobs = jobs::section(&web, sweep, &query, &detail).await?;
    let results = results::section(&web, &query, &table).await?;
    let body = html! {
        (head::part(&detail).html)
        (graph::part(&detail, &query).html)
        (jobs)
        @if let Some(table) = table.table().filter(|table| !table.rows.is_empty()) {
            (front::section(table, &query))
            (curves::part(table).html)
        }
        (results)
    };
    Ok(page(&format!("{} ({})", detail.sweep.name, detail.sweep.id), Some(session), &body).into_response())
}

/// What of it changes while it is looked at.
pub async fn parts(web: &Web, asked: &Asked) -> Result<Vec<Part>, Trouble> {
    let sweep = SweepId(asked.number("sweep")?);
    let query = query(sweep, &asked.fields);
    let (detail, table) =
        tokio::try_join!(sweeps::detail(&web.0.api, sweep), web.0.tables.of(&web.0.store, sweep)).map_err(not_found)?;
    let mut parts = vec![head::part(&detail), graph::part(&detail, &query), jobs::part(web, sweep, &query).await?];
    if let Some(table) = table.table().filter(|table| !table.rows.is_empty()) {
        parts.push(front::part(table, &query));
        parts.push(curves::part(table));
    }
    parts.push(results::part(web, &query, &table).await?);
    Ok(parts)
}

fn query(sweep: SweepId, fields: &Fields) -> Query<'_> {
    Query::new(format!("/sweeps/{sweep}"), fields)
}

/// A sweep or a job that is not there is a page that is not there.
pub fn not_found(error: StoreError) -> Trouble {
    match error {
        StoreError::Unknown(_) => Trouble::NotFound,
        other => Trouble::Store(other),
    }
}

/// Said in place of what cannot be shown yet.
fn waiting(made: &Made) -> Option<&'static str> {
    match made {
        Made::Now(_) => None,
        Made::Before(_) => Some("New points have come; they are being gathered."),
        Made::Soon => Some("The points of this sweep are being gathered. Reload the page in a few seconds."),
    }
}
