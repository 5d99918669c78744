//! The first page: which sweeps there are and how far they are, and the machines that work on them.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sweep_shared::states::{JobState, SweepState};

use super::agents::{card, none_yet, summary};
use crate::api::Api;
use crate::store::read::SweepRow;
use crate::views::agents::agents;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::time;
use crate::web::live::{self, Asked, Part};
use crate::web::trouble::Trouble;
use crate::web::words::{badge, bar, count, hours, span};

pub async fn show(web: Web, call: Call) -> Answer {
    let asked = Asked::of(&web, &call).await?;
    let parts = parts(web.0.api.clone(), asked).await?;
    let body = html! {
        h1 { "Overview" }
        @for part in &parts { (part.html) }
    };
    Ok(live::page(&call, "Overview", &parts, None, &body))
}

/// The newest.
const SWEEPS: u32 = 30;

pub async fn parts(api: Api, _: Asked) -> Result<Vec<Part>, Trouble> {
    let now_ms = api.clock.unix_ms();
    let rows = api.store.sweeps(SWEEPS).await?;
    let sweeps = html! {
        section #sweeps aria-labelledby="sweeps-head" {
            h2 id="sweeps-head" { "Sweeps" }
            @if rows.is_empty() { (no_sweep()) }
            div.cards { @for row in &rows { (sweep(row, now_ms)) } }
        }
    };
    let agents = agents(&api).await?;
    let machines = html! {
        section #agents aria-labelledby="agents-head" {
            h2 id="agents-head" { "Agents" }
            p.summary { (summary(&agents)) }
            @if agents.is_empty() { (none_yet()) }
            div.cards { @for agent in &agents { (card(agent, now_ms)) } }
        }
    };
    Ok(vec![Part { id: "sweeps", html: sweeps }, Part { id: "agents", html: machines }])
}

fn no_sweep() -> Markup {
    html! {
        div.card {
            p { "No study has been submitted yet." }
            ul.commands { li { code { "sweep submit plan.yaml" } span { "starts one" } } }
        }
    }
}

fn sweep(row: &SweepRow, now_ms: i64) -> Markup {
    let counts = Counts::of(&row.counts);
    let (class, word) = state(row);
    let ended = row.finished_ms.unwrap_or(now_ms);
    let say = (row.state != SweepState::Active.as_str()).then(|| format!("Sweep {} is {word}", row.name));
    html! {
        article.card.sweep id=(format!("sweep-{}", row.id)) {
            header {
                h3 { a href=(format!("/sweeps/{}", row.id)) { (row.name) } }
                span data-say=[say] { (badge(class, word)) }
                span.hint { (row.id) @if !row.owner.is_empty() { " by " (row.owner) } ", since " (time(row.created_ms)) }
            }
            (bar(&counts.words(), &counts.shares()))
            p.counts { (counts.words()) @if row.reused > 0 { ", " (row.reused) " reused" } }
            dl.facts {
                div { dt { "GPU" } dd { (hours(row.gpu_hours)) } }
                div { dt { "CPU" } dd { (hours(row.cpu_hours)) } }
                div { dt { "Takes" } dd { (span((ended - row.created_ms) as f64 / 1000.0)) } }
            }
        }
    }
}

fn state(row: &SweepRow) -> (&'static str, &'static str) {
    match row.state.as_str() {
        "active" if row.paused => ("paused", "paused"),
        "active" => ("running", "active"),
        "finished" => ("succeeded", "finished"),
        "finished_with_failures" => ("failed", "finished with failures"),
        _ => ("skipped", "cancelled"),
    }
}

/// Jobs by what they mean for whoever waits.
struct Counts {
    all: u32,
    done: u32,
    running: u32,
    failed: u32,
    other: u32,
}

impl Counts {
    fn of(by_state: &BTreeMap<String, u32>) -> Self {
        let of =
            |states: &[JobState]| states.iter().map(|state| by_state.get(state.as_str()).copied().unwrap_or(0)).sum();
        Self {
            all: by_state.values().sum(),
            done: of(&[JobState::Succeeded, JobState::Stopped]),
            running: of(&[JobState::Running]),
            failed: of(&[JobState::Failed]),
            other: of(&[JobState::Cancelled, JobState::Skipped]),
        }
    }

    fn words(&self) -> String {
        let mut words = format!("{} of {} done", self.done, count(u64::from(self.all), "job", "jobs"));
        for (number, what) in [(self.running, "running"), (self.failed, "failed"), (self.other, "cancelled or skipped")]
        {
            if number > 0 {
                words += &format!(", {number} {what}");
            }
        }
        words
    }

    fn shares(&self) -> [(&'static str, f64); 4] {
        let share = |number: u32| f64::from(number) / f64::from(self.all.max(1));
        [
            ("fill-succeeded", share(self.done)),
            ("fill-failed", share(self.failed)),
            ("fill-skipped", share(self.other)),
            ("fill-running", share(self.running)),
        ]
    }
}
