//! `/sweeps/{sweep}`: how a study goes and what came out of it.
//!
//! Each section is a file: the `head` with state, progress and hours; the `graph` of its stages; its `jobs`, filtered, sorted and in
//! pages; the `front` of any two metrics; `curves` of accuracy by compression; the table of `results`. What is asked of them all
//! stands in the address, so that a page can be bookmarked and sent to a colleague.

mod curves;
mod front;
mod graph;
pub mod head;
mod jobs;
pub mod plan;
mod results;

pub use jobs::took;
pub use results::written;

use maud::html;
use sweep_shared::ids::SweepId;

use crate::api::Api;
use crate::store::StoreError;
use crate::views::results::Answer as Made;
use crate::views::sweeps;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::live::{self, Asked, Part};
use crate::web::query::Query;
use crate::web::trouble::Trouble;

pub async fn show(web: Web, call: Call) -> Answer {
    let asked = Asked::of(&web, &call).await?;
    let sweep = SweepId(asked.number("sweep")?);
    let name = web.0.store.sweep_name(sweep).await.map_err(not_found)?;
    let parts = parts(web.0.api.clone(), asked).await?;
    let body = html! { @for part in &parts { (part.html) } };
    Ok(live::page(&call, &format!("{name} ({sweep})"), &parts, None, &body))
}

pub async fn parts(api: Api, asked: Asked) -> Result<Vec<Part>, Trouble> {
    let sweep = SweepId(asked.number("sweep")?);
    let query = Query::new(format!("/sweeps/{sweep}"), &asked.fields);
    // Each walks through indexes of its own, on a connection of its own.
    let (detail, made, listed) = tokio::try_join!(
        sweeps::detail(&api, sweep),
        api.tables.of(&api.store, sweep),
        jobs::listed(&api, sweep, &query)
    )
    .map_err(not_found)?;
    let results = results::part(&api, &query, &made).await?;
    Ok(vec![
        head::part(&detail, asked.may_change),
        graph::part(&detail, &query),
        jobs::part(&detail, &query, &listed, api.clock.unix_ms()),
        front::part(&made, &query),
        curves::part(&made),
        results,
    ])
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
