//! What it is, how it stands, and why.

use maud::{Markup, html};
use sweep_shared::spec::MAIN_POINT;
use sweep_shared::states::JobState;
use sweep_shared::words::percent;

use crate::views::job::{JobDetail, Neighbour};
use crate::web::layout::time;
use crate::web::lists::{state, thousands};
use crate::web::live::Part;
use crate::web::routes::change;
use crate::web::routes::sweep::took;

pub fn part(detail: &JobDetail, may_change: bool, now_ms: i64) -> Part {
    let job = &detail.job;
    let say = job.state().filter(|state| state.is_terminal()).map(|state| format!("Job {} is {state}", job.id));
    let html = html! {
        header.head #job {
            p.crumbs { a href="/" { "Overview" } " / " a href=(format!("/sweeps/{}", detail.sweep)) { (detail.sweep_name) } " / " (job.id) }
            h1 { (job.stage) @if !job.label.is_empty() { " " span.label { (job.label) } } " " span data-say=[say] { (state(&job.state)) } }
            @if job.state() == Some(JobState::Running) {
                div.progress {
                    progress max="1" value=(format!("{:.4}", job.fraction)) aria-label=(format!("Progress of {}", job.id)) { (percent(job.fraction)) }
                    span { (percent(job.fraction)) @if job.epochs > 0 { ", epoch " (job.epoch) " of " (job.epochs) } }
                }
            }
            dl.facts {
                div { dt { "Kind" } dd { (job.kind) } }
                div { dt { "Seed" } dd { (job.seed) } }
                @if let Some(agent) = &job.agent { div { dt { "Agent" } dd { (agent) } } }
                @if let Some(took) = took(job, now_ms) { div { dt { "Time" } dd { (took) } } }
                @if let Some(at) = job.finished_ms { div { dt { "Ended" } dd { (time(at)) } } }
                @if job.priority != 0 { div { dt { "Priority" } dd { (job.priority) } } }
                div { dt { "Key" } dd { code { (job.key.get(..16).unwrap_or(&job.key)) } } }
            }
            @if may_change && let (Ok(id), Some(state)) = (job.id.parse(), job.state()) { (change::of_job(id, state)) }
            @if !detail.reasons.is_empty() || !detail.next.is_empty() {
                div.card.why {
                    h2 { "Why, and what next" }
                    ul { @for said in detail.reasons.iter().chain(&detail.next) { li { (quoted(said)) } } }
                }
            }
            @if !detail.inputs.is_empty() || detail.readers_total > 0 { (around(detail)) }
        }
    };
    Part { id: "job", html }
}

/// What it reads, and what reads it.
fn around(detail: &JobDetail) -> Markup {
    html! {
        div.around {
            @if !detail.inputs.is_empty() {
                div { h2 { "Reads" } ul.plain { @for input in &detail.inputs { (neighbour(input)) } } }
            }
            @if detail.readers_total > 0 {
                div {
                    h2 { "Read by" }
                    ul.plain { @for reader in &detail.readers { (neighbour(reader)) } }
                    @let more = detail.readers_total.saturating_sub(detail.readers.len() as u64);
                    @if more > 0 { p.hint { "and " (thousands(more)) " more" } }
                }
            }
        }
    }
}

fn neighbour(job: &Neighbour) -> Markup {
    html! {
        li {
            a href=(format!("/jobs/{}", job.id)) { (job.id) } " " (job.stage)
            @if !job.label.is_empty() { " " (job.label) }
            @if job.point != MAIN_POINT { " [" (job.point) "]" }
            " " span.soft { (job.role) } " " (state(&job.state))
        }
    }
}

/// Commands within a sentence stand between backticks.
fn quoted(sentence: &str) -> Markup {
    html! {
        @for (at, part) in sentence.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
