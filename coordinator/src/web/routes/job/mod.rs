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

use axum::response::IntoResponse;
use maud::html;
use sweep_shared::ids::JobId;

use super::sweep::not_found;
use crate::views::job;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::fields::Fields;
use crate::web::layout::page;
use crate::web::live::{Asked, Part};
use crate::web::query::Query;
use crate::web::trouble::Trouble;

pub async fn show(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let id = JobId(call.number("job")?);
    let parts = parts_of(&web, id, &call.fields).await?;
    let title = format!("{id} of {}", parts.title);
    let body = html! { @for part in parts.parts { (part.html) } };
    Ok(page(&title, Some(session), &body).into_response())
}

/// What of it changes while it is looked at: all.
pub async fn parts(web: &Web, asked: &Asked) -> Result<Vec<Part>, Trouble> {
    let id = JobId(asked.number("job")?);
    Ok(parts_of(web, id, &asked.fields).await?.parts)
}

struct Parts {
    title: String,
    parts: Vec<Part>,
}

async fn parts_of(web: &Web, id: JobId, fields: &Fields) -> Result<Parts, Trouble> {
    let query = Query::new(format!("/jobs/{id}"), fields);
    let detail = job::one(&web.0.api, id).await.map_err(not_found)?;
    let confusion = confusion::of(web, &detail, &query).await;
    let log = log::part(web, id, &query).await?;
    let parts = vec![
        head::part(&detail, web.0.clock.unix_ms()),
        attempts::part(&detail),
        curves::part(&detail),
        points::part(&detail, &query, confusion.as_ref()),
        log,
    ];
    Ok(Parts { title: detail.sweep_name, parts })
}
