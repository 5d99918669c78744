//! What happens to a sweep before its end.

use serde_json::json;
use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::words::{capital, hours, plural};

use super::super::Mood;
use super::{Said, failures};
use crate::store::notices::NoticeRow;
use crate::store::read::SweepRow;
use crate::store::{Store, StoreError};

/// Jobs of which a notice can tell; a burst has no more that matters.
const MOST: u32 = 10_000;

pub async fn jobs_failed(store: &Store, notice: &NoticeRow, id: SweepId) -> Result<Said, StoreError> {
    let sweep = store.sweep(id).await?;
    let events = store.told_events(notice, "failed", MOST).await?;
    let mut ids: Vec<JobId> = events.iter().map(|event| JobId(event.job)).collect();
    ids.sort_unstable();
    ids.dedup();
    let (jobs, classes) = store.failed_jobs(id, Some(&ids), failures::NAMED).await?;
    let still = classes.iter().map(|(_, n)| *n as usize).sum::<usize>();
    let all = ids.len();
    let retry = match ids.as_slice() {
        [one] => format!("sweep retry {one}"),
        _ => format!("sweep retry {id}"),
    };
    let mut lines = failures::lines(&jobs, still);
    if still < all {
        lines.push(format!("{} tried again meanwhile.", were(all - still)));
    }
    lines.extend(failures::advice(&classes, &retry));
    lines.push(progress(&sweep));
    let title = match jobs.as_slice() {
        [job] if all == 1 => {
            format!("{}: {} failed ({})", sweep.name, failures::name(job), failures::class_words(&job.class))
        }
        _ if classes.is_empty() => format!("{}: {} failed", sweep.name, plural(all, "job")),
        _ => format!("{}: {} failed ({})", sweep.name, plural(all, "job"), failures::count(&classes)),
    };
    let path = match ids.as_slice() {
        [one] => format!("/jobs/{one}"),
        _ => format!("/sweeps/{id}"),
    };
    Ok(Said {
        mood: Mood::Trouble,
        title,
        lines,
        path: Some(path),
        facts: json!({
            "sweep": id.to_string(),
            "name": sweep.name,
            "state": sweep.state,
            "jobs": sweep.counts,
            "failed": failures::facts(&jobs),
            "failed_jobs": all,
        }),
        ..Said::default()
    })
}

fn were(n: usize) -> String {
    if n == 1 { "1 was".to_owned() } else { format!("{n} were") }
}

/// How far it is.
fn progress(sweep: &SweepRow) -> String {
    let count = |state: &str| sweep.counts.get(state).copied().unwrap_or(0) as usize;
    let all: usize = sweep.counts.values().map(|n| *n as usize).sum();
    let open: usize = ["blocked", "ready", "running", "paused"].into_iter().map(count).sum();
    if open == 0 {
        return format!("Of its {}, none is left to do.", plural(all, "job"));
    }
    let paused = if sweep.paused { ", and it is paused" } else { "" };
    format!(
        "The sweep goes on: {} of {} are over, {} running{paused}.",
        all - open,
        plural(all, "job"),
        count("running")
    )
}

pub async fn paused(store: &Store, notice: &NoticeRow, id: SweepId) -> Result<Said, StoreError> {
    let sweep = store.sweep(id).await?;
    let why = store.told_events(notice, "paused", 1).await?.pop().map(|event| event.detail).unwrap_or_default();
    let mut lines = vec![if why.is_empty() { "Its budget is spent.".to_owned() } else { sentence(&why) }];
    lines.push("What ran wrote a checkpoint and stopped; nothing is lost.".to_owned());
    lines.push(format!(
        "`sweep resume {id}` goes on regardless; a plan with a larger budget, submitted with `--amend`, goes on until that is spent."
    ));
    if let Some(used) = used(&sweep) {
        lines.push(format!("It used {used} so far."));
    }
    lines.push(progress(&sweep));
    Ok(Said {
        mood: Mood::Trouble,
        title: format!("{} is paused: its budget is spent", sweep.name),
        lines,
        path: Some(format!("/sweeps/{id}")),
        facts: json!({
            "sweep": id.to_string(),
            "name": sweep.name,
            "state": sweep.state,
            "paused": sweep.paused,
            "jobs": sweep.counts,
            "gpu_hours": sweep.gpu_hours,
            "cpu_hours": sweep.cpu_hours,
        }),
        ..Said::default()
    })
}

/// With a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let text = capital(text.trim());
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

/// `12.5 GPU-hours and 3.0 CPU-hours`, where it is worth a word.
pub fn used(sweep: &SweepRow) -> Option<String> {
    let used = [(sweep.gpu_hours, "GPU-hours"), (sweep.cpu_hours, "CPU-hours")];
    let used = used.iter().filter(|(n, _)| *n >= 0.01).map(|(n, unit)| format!("{} {unit}", hours(*n)));
    let used: Vec<String> = used.collect();
    (!used.is_empty()).then(|| used.join(" and "))
}
