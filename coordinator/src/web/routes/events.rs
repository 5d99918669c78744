//! The audit log: who did what, and what became of jobs and machines.

use maud::{Markup, html};

use crate::api::Api;
use crate::store::read::{self, EventQuery};
use crate::views::events::{Event, events, target};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::fields::Fields;
use crate::web::layout::time;
use crate::web::live::{self, Asked, Part};
use crate::web::query::Query;
use crate::web::trouble::Trouble;
use crate::web::words::badge;

const PAGE: u32 = 100;

pub async fn show(web: Web, call: Call) -> Answer {
    let asked = Asked::of(&web, &call).await?;
    let kinds = read::kinds_of_events(&web.0.store).await?;
    let parts = parts(web.0.api.clone(), asked).await?;
    let body = html! {
        h1 { "Events" }
        (filter(&call.fields, &kinds))
        @for part in &parts { (part.html) }
    };
    Ok(live::page(&call, "Events", &parts, None, &body))
}

fn filter(fields: &Fields, kinds: &[String]) -> Markup {
    let wanted = fields.get("what");
    html! {
        form.filter method="get" action="/events" role="search" aria-label="Filter" {
            div.field {
                label for="of" { "Sweep or job" }
                input id="of" name="of" type="text" value=(fields.get("of")) placeholder="s3 or j12" autocapitalize="none" spellcheck="false" maxlength="20";
            }
            div.field {
                label for="what" { "What" }
                select id="what" name="what" {
                    option value="" { "anything" }
                    @for kind in kinds { option value=(kind) selected[kind == wanted] { (words(kind)) } }
                }
            }
            div.field {
                label for="actor" { "Who" }
                input id="actor" name="actor" type="text" value=(fields.get("actor")) placeholder="anybody" autocapitalize="none" spellcheck="false" maxlength="100";
            }
            button.second type="submit" { "Filter" }
        }
    }
}

/// `agent_left` for people.
fn words(what: &str) -> String {
    what.replace('_', " ")
}

pub fn query(fields: &Fields, limit: u32) -> Result<EventQuery, String> {
    let before = match fields.get("before") {
        "" => 0,
        text => {
            text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("{text:?} is no event's number"))?
        }
    };
    let of = target(fields.get("of"))?;
    let (what, actor) = (fields.get("what").trim().to_owned(), fields.get("actor").trim().to_owned());
    Ok(EventQuery { of, what, actor, before, limit })
}

pub async fn parts(api: Api, asked: Asked) -> Result<Vec<Part>, Trouble> {
    let fields = &asked.fields;
    let found = match query(fields, PAGE) {
        Ok(query) => events(&api, &query).await?,
        Err(why) => return Ok(vec![Part { id: "events", html: wrong(&why) }]),
    };
    let list = Query::new("/events".to_owned(), fields);
    let older = found.before.map(|before| list.with(&[("before", &before.to_string())]));
    let html = html! {
        section #events aria-label="Events" {
            @if found.items.is_empty() {
                p { "Nothing of that kind has happened." }
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Events, newest first" {
                    table.stacked {
                        thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Of" } th scope="col" { "More" } } }
                        tbody { @for event in &found.items { (row(event)) } }
                    }
                }
            }
            nav.pages aria-label="Pages of the list" {
                @if !fields.get("before").is_empty() { a href=(list.with(&[("before", "")])) rel="first" { "Newest" } }
                @if let Some(older) = older { a href=(older) rel="next" { "Older" } }
            }
        }
    };
    Ok(vec![Part { id: "events", html }])
}

fn wrong(why: &str) -> Markup {
    html! { section #events { div.alert role="alert" { p { (crate::web::trouble::sentence(why)) } } } }
}

fn row(event: &Event) -> Markup {
    html! {
        tr id=(format!("event-{}", event.id)) {
            td data-label="When" { (time(event.at_ms)) }
            td data-label="Who" { (event.actor) }
            td data-label="What" { (badge(class(&event.what), &words(&event.what))) }
            td data-label="Of" {
                // One box: on a phone cells are grids of a label and this.
                span {
                    @if let Some(job) = &event.job { a href=(format!("/jobs/{job}")) { (job) } @if let Some(attempt) = event.attempt { "." (attempt) } " " }
                    @if let Some(sweep) = &event.sweep { a href=(format!("/sweeps/{sweep}")) { (sweep) } }
                }
            }
            td data-label="More" { (event.detail) }
        }
    }
}

/// The colour of its badge.
fn class(what: &str) -> &'static str {
    match what {
        "succeeded" | "finished" | "agent_joined" | "device_back" => "succeeded",
        "failed"
        | "finished_with_failures"
        | "attempt_failed"
        | "attempt_lost"
        | "device_excluded"
        | "sign_in_failed"
        | "access_refused"
        | "report_refused"
        | "agent_revoked"
        | "signed_in_new_place" => "failed",
        "cancelled" | "cancel" | "skipped" | "stopped" => "skipped",
        "pause" | "paused" | "drain" | "attempt_interrupted" => "paused",
        "running" | "resume" => "running",
        _ => "plain",
    }
}
