//! How it stands, in a few lines.

use maud::{Markup, html};
use sweep_shared::states::JobState;
use sweep_shared::words::{hours, percent};

use crate::views::sweeps::{Sweep, SweepDetail};
use crate::web::layout::time;
use crate::web::lists::thousands;
use crate::web::live::Part;
use crate::web::routes::change;
use crate::web::words::{badge, span};

pub fn part(detail: &SweepDetail, may_change: bool) -> Part {
    let sweep = &detail.sweep;
    let (class, word) = state(sweep);
    let say = (!sweep.is_active()).then(|| format!("Sweep {} is {word}", sweep.name));
    let html = html! {
        header.head #sweep {
            p.crumbs { a href="/" { "Overview" } " / " (sweep.id) }
            h1 { (sweep.name) " " span data-say=[say] { (badge(class, word)) } }
            (progress(sweep))
            dl.facts {
                div { dt { "Jobs" } dd { (thousands(u64::from(sweep.ended))) " of " (thousands(u64::from(sweep.total))) " ended" (counts(sweep)) } }
                div { dt { (if sweep.finished_ms.is_some() { "Ended" } else { "Left" }) } dd { (left(sweep)) } }
                div { dt { "Hours used" } dd { (used(sweep)) } }
                @if sweep.reused > 0 { div { dt { "Hours saved" } dd { (saved(sweep)) } } }
                div { dt { "Submitted" } dd { (time(sweep.created_ms)) @if !sweep.owner.is_empty() { " by " (sweep.owner) } } }
                div { dt { "Plan" } dd { a href=(format!("/sweeps/{}/plan", sweep.id)) { "its text" } @if sweep.priority != 0 { ", priority " (sweep.priority) } } }
            }
            @if may_change { (actions(sweep)) }
            @if sweep.paused && !sweep.paused_reason.is_empty() { p.note { "Paused: " (sweep.paused_reason) "." } }
        }
    };
    Part { id: "sweep", html }
}

pub fn state(sweep: &Sweep) -> (&'static str, &'static str) {
    match sweep.state.as_str() {
        "active" if sweep.paused => ("paused", "paused"),
        "active" => ("running", "active"),
        "finished" => ("succeeded", "finished"),
        "finished_with_failures" => ("failed", "finished with failures"),
        _ => ("skipped", "cancelled"),
    }
}

fn actions(sweep: &Sweep) -> Markup {
    let (Ok(id), Ok(state)) = (sweep.id.parse(), sweep.state.parse()) else { return html! {} };
    let bad = [JobState::Failed, JobState::Cancelled, JobState::Stopped, JobState::Skipped];
    change::of_sweep(id, state, sweep.paused, bad.into_iter().any(|state| sweep.count(state) > 0))
}

/// The bar, for eyes and screen readers.
pub fn progress(sweep: &Sweep) -> Markup {
    let text = percent(sweep.progress);
    html! {
        div.progress {
            progress max="1" value=(format!("{:.4}", sweep.progress)) aria-label=(format!("Progress of {}", sweep.name)) { (text) }
            span { (text) }
        }
    }
}

/// Those that somebody might have to look at.
fn counts(sweep: &Sweep) -> String {
    let shown = [JobState::Running, JobState::Failed, JobState::Skipped, JobState::Cancelled, JobState::Paused];
    let said = shown.into_iter().filter(|state| sweep.count(*state) > 0);
    let said: Vec<String> = said.map(|state| format!("{} {state}", thousands(u64::from(sweep.count(state))))).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

pub fn left(sweep: &Sweep) -> Markup {
    html! {
        @match (sweep.finished_ms, sweep.left_s) {
            (Some(at), _) => { (time(at)) ", after " (span((at - sweep.created_ms).max(0) as f64 / 1000.0)) }
            (None, Some(left)) => { "about " (span(left)) }
            (None, None) if sweep.paused => { "paused" }
            (None, None) if sweep.count(JobState::Running) == 0 => { "nothing runs at present" }
            (None, None) => { "too early to say" }
        }
    }
}

pub fn used(sweep: &Sweep) -> String {
    let of = |used: f64, budget: Option<f64>| {
        budget.map_or_else(|| hours(used), |budget| format!("{} of {}", hours(used), hours(budget)))
    };
    let gpu = of(sweep.gpu_hours, sweep.budget_gpu_hours);
    let cpu = of(sweep.cpu_hours, sweep.budget_cpu_hours);
    match (
        sweep.gpu_hours > 0.0 || sweep.budget_gpu_hours.is_some(),
        sweep.cpu_hours > 0.0 || sweep.budget_cpu_hours.is_some(),
    ) {
        (true, true) => format!("{gpu} GPU-hours, {cpu} CPU-hours"),
        (true, false) => format!("{gpu} GPU-hours"),
        (false, true) => format!("{cpu} CPU-hours"),
        (false, false) => "none yet".to_owned(),
    }
}

pub fn saved(sweep: &Sweep) -> String {
    let jobs =
        if sweep.reused == 1 { "1 job".to_owned() } else { format!("{} jobs", thousands(u64::from(sweep.reused))) };
    match (sweep.gpu_hours_saved > 0.0, sweep.cpu_hours_saved > 0.0) {
        (true, true) => format!(
            "{} GPU-hours and {} CPU-hours, by {jobs} done before",
            hours(sweep.gpu_hours_saved),
            hours(sweep.cpu_hours_saved)
        ),
        (true, false) => format!("{} GPU-hours, by {jobs} done before", hours(sweep.gpu_hours_saved)),
        (false, true) => format!("{} CPU-hours, by {jobs} done before", hours(sweep.cpu_hours_saved)),
        (false, false) => format!("{jobs} done before"),
    }
}
