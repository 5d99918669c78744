//! The attempts at it: where each ran, from what it went on, what it took.

use maud::{Markup, html};
use sweep_shared::results::Unit;
use sweep_shared::words::bytes;

use crate::charts::{Bar, Bars, Look};
use crate::views::job::{Attempt, JobDetail};
use crate::web::layout::time;
use crate::web::lists::{scroll, state};
use crate::web::live::Part;
use crate::web::words::span;

/// The newest of very many; the audit log has all.
const MOST: usize = 30;

pub fn part(detail: &JobDetail) -> Part {
    let attempts = &detail.attempts;
    let shown = &attempts[attempts.len().saturating_sub(MOST)..];
    let html = html! {
        section.card #attempts aria-labelledby="attempts-head" {
            h2 #attempts-head { "Attempts" }
            @if attempts.is_empty() {
                p.hint { @if detail.job.reused { "None: the result of another sweep's job stands for it." } @else { "None yet." } }
            } @else {
                @if shown.len() < attempts.len() { p.hint { "The newest " (shown.len()) " of " (attempts.len()) "." } }
                (scroll("Attempts", &table(shown)))
                (memory(shown))
            }
        }
    };
    Part { id: "attempts", html }
}

fn table(attempts: &[Attempt]) -> Markup {
    html! {
        table {
            caption.unseen { "Attempts" }
            thead { tr {
                th scope="col" { "Attempt" } th scope="col" { "State" } th scope="col" { "Where" } th scope="col" { "Began" }
                th scope="col" class="number" { "Ran" } th scope="col" { "From" } th scope="col" { "Reached" } th scope="col" { "What it says" }
            } }
            tbody { @for attempt in attempts { tr {
                th scope="row" { (attempt.number) }
                td { (state(&attempt.state)) @if let Some(class) = &attempt.failure_class { " " (class.replace('_', " ")) } }
                td { (attempt.agent) " " span.soft { (attempt.device) " " (attempt.device_index) } }
                td { (time(attempt.started_ms.unwrap_or(attempt.granted_ms))) }
                td.number { @if let Some(run_s) = attempt.run_s { (span(run_s)) } }
                td { (from(attempt)) }
                td { @if attempt.epochs > 0 { "epoch " (attempt.epoch) " of " (attempt.epochs) } }
                td.message { (attempt.message) @if attempt.micro_batches > 1 { " (batches in " (attempt.micro_batches) " parts)" } }
            } } }
        }
    }
}

fn from(attempt: &Attempt) -> String {
    match (attempt.resumed_attempt, attempt.resumed_epoch) {
        (0, 0) => "the beginning".to_owned(),
        (0, epoch) => format!("epoch {epoch}"),
        (attempt, epoch) => format!("epoch {epoch} of attempt {attempt}"),
    }
}

/// What was reserved, and what was taken of it.
fn memory(attempts: &[Attempt]) -> Markup {
    let bars: Vec<Bar> = attempts
        .iter()
        .filter(|attempt| attempt.peak_memory_bytes > 0)
        .map(|attempt| Bar {
            name: format!("attempt {} ({})", attempt.number, attempt.device),
            value: attempt.peak_memory_bytes as f64,
            of: (attempt.memory_bytes > 0).then_some(attempt.memory_bytes as f64),
        })
        .collect();
    html! {
        @if !bars.is_empty() {
            h3 { "Memory taken, of what was reserved" }
            div.figure { (Bars { id: "memory".to_owned(), title: "Memory of the attempts".to_owned(), unit: Unit::Bytes, bars }.draw(Look::Page)) }
        } @else if let Some(attempt) = attempts.iter().rev().find(|attempt| attempt.memory_bytes > 0) {
            p.hint { (bytes(attempt.memory_bytes as f64)) " are reserved for attempt " (attempt.number) "; what it took is known when it ends." }
        }
    }
}
