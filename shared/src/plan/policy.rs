//! How jobs are treated, as against what they compute: none of it is part of a key or of the plan's fingerprint, so a plan
//! may change it and still mean the same work.

use serde::{Deserialize, Serialize};

use crate::size;
use crate::span::Span;

use super::fields::{Bounds, Field, Fields};
use super::tree::Value;

/// What holds for one job.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// How many failed attempts are followed by another one.
    pub retries: u32,
    /// Added to the plan's; higher goes first.
    pub priority: i32,
    /// Hours of run time of all attempts together, after which the job is stopped and has failed.
    pub max_hours: Option<f64>,
    /// How many lost attempts (agents that vanished under the job) it survives.
    pub losses: u32,
    /// What each of its jobs is promised of its device's memory, instead of what is predicted.
    pub memory_bytes: Option<u64>,
    /// Seconds of silence after which a runner counts as hung; 0: never; `None`: as its agent thinks fit.
    #[serde(default)]
    pub hang_after_s: Option<f64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { retries: 3, priority: 0, max_hours: None, losses: 10, memory_bytes: None, hang_after_s: None }
    }
}

/// Hours of devices that the whole sweep may use before it is paused; `None`: as many as it needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    pub gpu_hours: Option<f64>,
    pub cpu_hours: Option<f64>,
}

/// The fields of a stage and of `defaults`, for those who must know them by name.
pub(super) const FIELDS: [&str; 7] = ["retries", "priority", "max_hours", "losses", "memory", "hang_after", "where"];

/// Two of them can be added without leaving 32 bits.
const PRIORITIES: std::ops::RangeInclusive<i32> = -1_000_000..=1_000_000;
/// Over a hundred years.
const HOURS: Bounds = Bounds::above(0.0, 1_000_000.0);

/// Reads what the map says; the rest stays as in `otherwise`.
pub(super) fn read(fields: &Fields<'_>, otherwise: Policy) -> Policy {
    Policy {
        retries: fields.get("retries").and_then(|f| f.count(0..=100)).unwrap_or(otherwise.retries),
        priority: fields.get("priority").and_then(|f| priority(&f)).unwrap_or(otherwise.priority),
        max_hours: fields.get("max_hours").and_then(|f| f.number(HOURS)).or(otherwise.max_hours),
        losses: fields.get("losses").and_then(|f| f.count(0..=1000)).unwrap_or(otherwise.losses),
        memory_bytes: fields.get("memory").and_then(|f| memory(&f)).or(otherwise.memory_bytes),
        hang_after_s: fields.get("hang_after").and_then(|f| hang_after(&f)).or(otherwise.hang_after_s),
    }
}

fn memory(field: &Field<'_>) -> Option<u64> {
    let spelling = field.spelling();
    match size::parse(&spelling) {
        Ok(bytes @ 1..) => Some(bytes),
        Ok(0) => {
            let error = field.error("no job runs in no memory");
            field.problems.add(error.help("leave `memory` out, and it is predicted"));
            None
        }
        Err(why) => {
            field.say(format!("{} is not what a job needs of memory: {why}", field.found()));
            None
        }
    }
}

/// In seconds; 0 for `never`.
fn hang_after(field: &Field<'_>) -> Option<f64> {
    const SHORTEST_S: f64 = 1.0;
    let spelling = field.spelling();
    if spelling == "never" {
        return Some(0.0);
    }
    let span = spelling.parse::<Span>().ok().map(|span| span.0.as_secs_f64());
    let seconds = span.filter(|seconds| *seconds >= SHORTEST_S);
    if seconds.is_none() {
        let error = field.error(format!("expected a duration from 1s to a year, found {}", field.found()));
        field.problems.add(error.help("for example `hang_after: 30m`; `hang_after: never` waits for ever"));
    }
    seconds
}

pub(super) fn priority(field: &Field<'_>) -> Option<i32> {
    field.signed(PRIORITIES)
}

const BUDGET_HELP: &str = "for example `budget: { gpu_hours: 40 }`";

pub(super) fn budget(field: &Field<'_>) -> Budget {
    if !matches!(field.node.value, Value::Map(_)) {
        let error = field.error(format!("expected a map of fields, found {}", field.found()));
        field.problems.add(error.help(BUDGET_HELP));
        return Budget::default();
    }
    let Some(fields) = field.fields() else { return Budget::default() };
    let hours = |name| fields.get(name).and_then(|f| f.number(HOURS));
    let budget = Budget { gpu_hours: hours("gpu_hours"), cpu_hours: hours("cpu_hours") };
    if fields.entries.is_empty() {
        field.problems.add(field.error("the budget names no hours").help(BUDGET_HELP));
    }
    fields.finish();
    budget
}
