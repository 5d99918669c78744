//! Its jobs: filter, order, pages.

use maud::{Markup, html};
use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::JobState;
use sweep_shared::words::{clip, one_line, percent};

use crate::api::Api;
use crate::store::StoreError;
use crate::store::read::{Listing, Order};
use crate::views::Paged;
use crate::views::jobs::{self, Job};
use crate::views::sweeps::SweepDetail;
use crate::web::lists::{Asks, heading, pages, scroll, state};
use crate::web::live::Part;
use crate::web::query::Query;
use crate::web::words::span;

const PER_PAGE: u32 = 50;
const ASKS: Asks = Asks { sort: "sort", reverse: "desc", page: "page", anchor: "#jobs" };
/// Fields of the filter's form.
const OWN: &[&str] = &["stage", "state", "q", "page"];

fn form(query: &Query<'_>, detail: &SweepDetail) -> Markup {
    let states = JobState::ALL.iter().map(|state| state.as_str());
    let filtered = OWN.iter().any(|field| query.some(field).is_some());
    html! {
        form.filter method="get" action=(format!("/sweeps/{}#jobs", detail.sweep.id)) role="search" aria-label="Filter jobs" {
            @for (name, value) in query.others(OWN) { input type="hidden" name=(name) value=(value); }
            div.field { label for="filter-stage" { "Stage" } select #filter-stage name="stage" {
                option value="" { "all" }
                @for stage in &detail.stages { option value=(stage.name) selected[query.get("stage") == stage.name] { (stage.name) } }
            } }
            div.field { label for="filter-state" { "State" } select #filter-state name="state" {
                option value="" { "all" }
                @for state in states { option value=(state) selected[query.get("state") == state] { (state) } }
            } }
            div.field.grow { label for="filter-text" { "Text" }
                input #filter-text type="search" name="q" value=(query.get("q")) maxlength="200" placeholder="temperature=4, or j12" autocomplete="off"; }
            div.buttons {
                button type="submit" { "Filter" }
                @if filtered { a href=(format!("{}#jobs", query.with(&[("stage", ""), ("state", ""), ("q", ""), ("page", "")]))) { "Show all" } }
            }
        }
    }
}

pub async fn listed(api: &Api, sweep: SweepId, query: &Query<'_>) -> Result<Paged<Job>, StoreError> {
    let text = query.get("q").trim();
    let job = text.strip_prefix('j').and_then(|digits| digits.parse().ok()).map(JobId);
    let listing = Listing {
        stage: query.some("stage"),
        state: query.some("state"),
        text: if job.is_some() { "" } else { text },
        job,
        order: Order::by(query.get("sort")).unwrap_or_default(),
        reverse: query.some("desc").is_some(),
        offset: (query.page("page") - 1).saturating_mul(PER_PAGE),
        limit: PER_PAGE,
    };
    jobs::list(api, sweep, &listing).await
}

pub fn part(detail: &SweepDetail, query: &Query<'_>, list: &Paged<Job>, now_ms: i64) -> Part {
    let table = html! {
        table {
            caption.unseen { "Jobs" }
            thead { tr {
                (heading(query, ASKS, ("", "Job"), false, false))
                (heading(query, ASKS, ("stage", "Stage"), false, false))
                (heading(query, ASKS, ("label", "Parameters"), false, false))
                (heading(query, ASKS, ("seed", "Seed"), true, false))
                (heading(query, ASKS, ("state", "State"), false, false))
                th scope="col" { "Agent" }
                th scope="col" class="number" { "Time" }
                (heading(query, ASKS, ("changed", "What it says"), false, true))
            } }
            tbody { @for job in &list.items { (row(job, now_ms)) } }
        }
    };
    let html = html! {
        section.card #jobs aria-labelledby="jobs-head" {
            h2 #jobs-head { "Jobs" }
            (form(query, detail))
            @if list.items.is_empty() { p.hint { (if list.total == 0 { "No job is like that." } else { "This page is behind the last one." }) } }
            @else { (scroll("Jobs", &table)) }
            (pages(query, ASKS, (list.items.len(), PER_PAGE, list.total), "jobs"))
        }
    };
    Part { id: "jobs", html }
}

fn row(job: &Job, now_ms: i64) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(format!("/jobs/{}", job.id)) { (job.id) } }
            td { (job.stage) }
            td.label { (clip(&job.label, 90)) }
            td.number { (job.seed) }
            td { (state(&job.state)) (how_far(job)) }
            td { (job.agent.as_deref().unwrap_or_default()) }
            td.number { (took(job, now_ms).unwrap_or_default()) }
            td.message { (says(job)) }
        }
    }
}

fn how_far(job: &Job) -> String {
    if job.state() == Some(JobState::Running) { format!(" {}", percent(job.fraction)) } else { String::new() }
}

/// How long its newest attempt has run, or ran.
pub fn took(job: &Job, now_ms: i64) -> Option<String> {
    let until = if job.state() == Some(JobState::Running) { Some(now_ms) } else { job.finished_ms };
    let (since, until) = (job.started_ms?, until?);
    Some(span((until - since).max(0) as f64 / 1000.0))
}

fn says(job: &Job) -> String {
    let mut said = Vec::new();
    if job.reused {
        said.push("reused".to_owned());
    }
    if let Some(class) = job.failure_class.as_deref().filter(|_| job.state() == Some(JobState::Failed)) {
        said.push(class.replace('_', " "));
    }
    if job.epochs > 0 && job.state() == Some(JobState::Running) {
        said.push(format!("epoch {} of {}", job.epoch, job.epochs));
    }
    if job.attempt > 1 {
        said.push(format!("attempt {}", job.attempt));
    }
    if !job.message.is_empty() {
        said.push(one_line(&job.message, 120));
    }
    said.join(" · ")
}
