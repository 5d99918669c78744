//! `/sweeps/{sweep}/plan`: the plan's text, as it was submitted or amended last.

use axum::response::IntoResponse;
use maud::html;
use sweep_shared::ids::SweepId;

use super::not_found;
use crate::store::read;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::page;
use crate::web::lists::scroll;

pub async fn show(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let sweep = SweepId(call.number("sweep")?);
    let (text, path) = read::plan_of(&web.0.store, sweep).await.map_err(not_found)?;
    let name = web.0.store.sweep_name(sweep).await.map_err(not_found)?;
    let body = html! {
        header.head {
            p.crumbs { a href="/" { "Overview" } " / " a href=(format!("/sweeps/{sweep}")) { (sweep) } " / plan" }
            h1 { "Plan of " (name) }
            @if !path.is_empty() { p.hint { "Submitted from " code { (path) } "." } }
        }
        section.card { (scroll("Plan", &html! { pre.plan { (text) } })) }
    };
    Ok(page(&format!("Plan of {name} ({sweep})"), Some(session), &body).into_response())
}
