//! `/jobs/{job}`: one job, from why it waits to what came out.
//!
//! Sections are files: the `head` with state, place and explanation; `attempts` with their lineage and what they took; `curves` of what
//! its epochs told; its `points` with their values, files and confusion; the end of its `log`. `files` sends what it made.

mod attempts;
mod confusion;
mod curves;
pub mod files;
mod head;
pub mod log;
mod points;

use maud::html;
use sweep_shared::ids::JobId;

use super::sweep::not_found;
use crate::api::Api;
use crate::views::job;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::live::{self, Asked, LogAt, Part};
use crate::web::query::Query;
use crate::web::trouble::Trouble;

pub async fn show(web: Web, call: Call) -> Answer {
    let asked = Asked::of(&web, &call).await?;
    let id = JobId(asked.number("job")?);
    let (parts, at) = parts_of(web.0.api.clone(), asked).await?;
    let body = html! { @for part in &parts { (part.html) } };
    Ok(live::page(&call, &format!("Job {id}"), &parts, at, &body))
}

pub async fn parts(api: Api, asked: Asked) -> Result<Vec<Part>, Trouble> {
    Ok(parts_of(api, asked).await?.0)
}

/// And how far the log is shown, where that is the one which may grow.
async fn parts_of(api: Api, asked: Asked) -> Result<(Vec<Part>, Option<LogAt>), Trouble> {
    let id = JobId(asked.number("job")?);
    let query = Query::new(format!("/jobs/{id}"), &asked.fields);
    let detail = job::one(&api, id).await.map_err(not_found)?;
    let confusion = confusion::of(&api, &detail, &query).await;
    let (log, at) = log::part(&api, id, &query).await?;
    let parts = vec![
        head::part(&detail, asked.may_change, api.clock.unix_ms()),
        attempts::part(&detail),
        curves::part(&detail),
        points::part(&detail, &query, confusion.as_ref()),
        log,
    ];
    Ok((parts, at))
}
