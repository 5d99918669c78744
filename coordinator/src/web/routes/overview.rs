//! The first page: which sweeps there are and how far they are, and the machines that work on them.

use maud::{Markup, html};
use sweep_shared::states::JobState;

use super::agents::{card, none_yet, summary};
use super::sweep::head;
use crate::api::Api;
use crate::views::Paged;
use crate::views::agents::agents;
use crate::views::sweeps::{self, Sweep};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::time;
use crate::web::lists::{Asks, pages, thousands};
use crate::web::live::{self, Asked, Part};
use crate::web::query::Query;
use crate::web::trouble::Trouble;
use crate::web::words::{badge, bar};

const PER_PAGE: u32 = 24;
const ASKS: Asks = Asks { sort: "sort", reverse: "desc", page: "page", anchor: "#sweeps" };

pub async fn show(web: Web, call: Call) -> Answer {
    let asked = Asked::of(&web, &call).await?;
    let parts = parts(web.0.api.clone(), asked).await?;
    let body = html! {
        h1 { "Overview" }
        @for part in &parts { (part.html) }
    };
    Ok(live::page(&call, "Overview", &parts, None, &body))
}

pub async fn parts(api: Api, asked: Asked) -> Result<Vec<Part>, Trouble> {
    let query = Query::new("/".to_owned(), &asked.fields);
    let offset = (query.page("page") - 1).saturating_mul(PER_PAGE);
    let (listed, agents) = tokio::try_join!(sweeps::list(&api, offset, PER_PAGE), agents(&api))?;
    let now_ms = api.clock.unix_ms();
    let machines = html! {
        section #agents aria-labelledby="agents-head" {
            h2 id="agents-head" { "Agents" }
            p.summary { (summary(&agents)) }
            @if agents.is_empty() { (none_yet()) }
            div.cards { @for agent in &agents { (card(agent, now_ms)) } }
        }
    };
    Ok(vec![Part { id: "sweeps", html: studies(&query, &listed) }, Part { id: "agents", html: machines }])
}

fn studies(query: &Query<'_>, listed: &Paged<Sweep>) -> Markup {
    html! {
        section #sweeps aria-labelledby="sweeps-head" {
            h2 id="sweeps-head" { "Sweeps" }
            @if listed.total == 0 {
                div.card {
                    p { "No study has been submitted yet." }
                    ul.commands { li { code { "sweep submit plan.yaml" } span { "starts one" } } }
                }
            }
            div.cards { @for sweep in &listed.items { (study(sweep)) } }
            @if listed.total > u64::from(PER_PAGE) {
                (pages(query, ASKS, (listed.items.len(), PER_PAGE, listed.total), "sweeps"))
            }
        }
    }
}

fn study(sweep: &Sweep) -> Markup {
    let (class, word) = head::state(sweep);
    let say = (!sweep.is_active()).then(|| format!("Sweep {} is {word}", sweep.name));
    let words = jobs(sweep);
    html! {
        article.card.sweep id=(format!("sweep-{}", sweep.id)) {
            header {
                h3 { a href=(format!("/sweeps/{}", sweep.id)) { (sweep.name) } }
                span data-say=[say] { (badge(class, word)) }
                span.hint { (sweep.id) @if !sweep.owner.is_empty() { " by " (sweep.owner) } ", " (time(sweep.created_ms)) }
            }
            (bar(&words, &shares(sweep)))
            p.counts { (words) }
            @if sweep.paused && !sweep.paused_reason.is_empty() { p.hint { "Paused: " (sweep.paused_reason) } }
            dl.facts {
                div { dt { (if sweep.finished_ms.is_some() { "Ended" } else { "Left" }) } dd { (head::left(sweep)) } }
                div { dt { "Used" } dd { (head::used(sweep)) } }
                @if sweep.reused > 0 { div { dt { "Saved" } dd { (head::saved(sweep)) } } }
            }
        }
    }
}

/// `12 of 40 jobs done, 3 running, 1 failed`.
fn jobs(sweep: &Sweep) -> String {
    let done = sweep.count(JobState::Succeeded) + sweep.count(JobState::Stopped);
    let noun = if sweep.total == 1 { "job" } else { "jobs" };
    let all = thousands(u64::from(sweep.total));
    let mut words = format!("{} of {all} {noun} done", thousands(u64::from(done)));
    for state in [JobState::Running, JobState::Failed, JobState::Cancelled, JobState::Skipped, JobState::Paused] {
        if sweep.count(state) > 0 {
            words += &format!(", {} {state}", thousands(u64::from(sweep.count(state))));
        }
    }
    words
}

fn shares(sweep: &Sweep) -> [(&'static str, f64); 4] {
    let share = |states: &[JobState]| {
        let jobs: u32 = states.iter().map(|state| sweep.count(*state)).sum();
        f64::from(jobs) / f64::from(sweep.total.max(1))
    };
    [
        ("fill-succeeded", share(&[JobState::Succeeded, JobState::Stopped])),
        ("fill-failed", share(&[JobState::Failed])),
        ("fill-skipped", share(&[JobState::Cancelled, JobState::Skipped])),
        ("fill-running", share(&[JobState::Running])),
    ]
}
