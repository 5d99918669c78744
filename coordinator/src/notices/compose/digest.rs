//! A sweep's end, in one message.

use std::time::Duration;

use serde_json::json;
use sweep_shared::ids::SweepId;
use sweep_shared::words::{duration, plural};

use super::super::Mood;
use super::best::best;
use super::sweep::used;
use super::{Said, failures};
use crate::store::notices::NoticeRow;
use crate::store::read::SweepRow;
use crate::store::{Store, StoreError};

pub async fn compose(store: &Store, notice: &NoticeRow, id: SweepId) -> Result<Said, StoreError> {
    let sweep = store.sweep(id).await?;
    let (failed, classes) = store.failed_jobs(id, None, failures::NAMED).await?;
    let best = best(store, id, &sweep.name).await?;
    let tally = Tally::of(&sweep);
    let retry = format!("sweep retry {id}");
    let mut lines = vec![tally.sentence()];
    lines.extend(failures::lines(&failed, tally.failed));
    lines.extend(failures::advice(&classes, &retry));
    if tally.failed > 0 && tally.skipped > 0 {
        lines.push(format!("{} for want of their input; a retry takes them along.", was_skipped(tally.skipped)));
    }
    if let Some((value, whose)) = &best.top {
        lines.push(format!("Best: {value}, {whose}."));
    }
    lines.push(effort(&sweep, notice.at_ms));
    if sweep.state == "active" {
        // It was put into words late, and somebody has begun anew since.
        lines.push("It was begun again since.".to_owned());
    }
    let best_value = best.top.as_ref().map(|(value, _)| value.as_str());
    let (mood, title) = headline(&notice.occasion, &sweep.name, &tally, best_value);
    let facts = json!({
        "sweep": id.to_string(),
        "name": sweep.name,
        "owner": sweep.owner,
        "state": state(&notice.occasion),
        "jobs": sweep.counts,
        "reused": sweep.reused,
        "gpu_hours": sweep.gpu_hours,
        "cpu_hours": sweep.cpu_hours,
        "seconds": (notice.at_ms - sweep.created_ms).max(0) / 1000,
        "best": best.value.as_ref().zip(best.top.as_ref()).map(|((metric, value), (_, whose))| {
            json!({ "metric": metric, "value": value, "point": whose })
        }),
        "failed": failures::facts(&failed),
    });
    let path = Some(format!("/sweeps/{id}"));
    Ok(Said { mood, title, lines, table: best.table, plot: best.plot, path, facts })
}

/// Jobs by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    all: usize,
    succeeded: usize,
    stopped: usize,
    failed: usize,
    skipped: usize,
    cancelled: usize,
}

impl Tally {
    fn of(sweep: &SweepRow) -> Self {
        let count = |state: &str| sweep.counts.get(state).copied().unwrap_or(0) as usize;
        Self {
            all: sweep.counts.values().map(|n| *n as usize).sum(),
            succeeded: count("succeeded"),
            stopped: count("stopped"),
            failed: count("failed"),
            skipped: count("skipped"),
            cancelled: count("cancelled"),
        }
    }

    /// `Of 42 jobs, 37 succeeded, 3 failed and 2 were skipped.`
    fn sentence(&self) -> String {
        if self.all > 0 && self.succeeded == self.all {
            return if self.all == 1 {
                "Its job succeeded.".to_owned()
            } else {
                format!("All {} jobs succeeded.", self.all)
            };
        }
        let each = [
            (self.succeeded, "succeeded"),
            (self.stopped, "stopped early"),
            (self.failed, "failed"),
            (self.skipped, "skipped"),
            (self.cancelled, "cancelled"),
        ];
        let each: Vec<String> = each.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        format!("Of {}: {}.", plural(self.all, "job"), each.join(", "))
    }
}

fn was_skipped(n: usize) -> String {
    if n == 1 { "1 job was skipped".to_owned() } else { format!("{n} jobs were skipped") }
}

fn headline(occasion: &str, name: &str, tally: &Tally, best: Option<&str>) -> (Mood, String) {
    let jobs = plural(tally.all, "job");
    let best = best.map_or_else(String::new, |best| format!(", best {best}"));
    match occasion {
        "finished" => (Mood::Good, format!("{name} is finished: {jobs}{best}")),
        "cancelled" => (Mood::Trouble, format!("{name} was cancelled: {} of {jobs} had succeeded", tally.succeeded)),
        // Somebody retried what had failed before this was said.
        _ if tally.failed == 0 => (Mood::Trouble, format!("{name} ended with failures")),
        _ => (Mood::Trouble, format!("{name} ended: {} of {jobs} failed{best}", tally.failed)),
    }
}

fn state(occasion: &str) -> &str {
    if occasion == "failed" { "finished_with_failures" } else { occasion }
}

/// How long it took, and what of machines.
fn effort(sweep: &SweepRow, ended_ms: i64) -> String {
    let took = Duration::from_millis((ended_ms - sweep.created_ms).max(0) as u64);
    let used = used(sweep).map(|used| format!(", with {used}")).unwrap_or_default();
    let reused = match sweep.reused {
        0 => String::new(),
        n => format!("; {} came from earlier sweeps", plural(n as usize, "result")),
    };
    format!("It took {}{used}{reused}.", duration(took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_says_it_all() {
        let tally = Tally { all: 42, succeeded: 42, ..Tally::default() };
        let said = headline("finished", "kd", &tally, Some("93.12 %")).1;
        assert_eq!(said, "kd is finished: 42 jobs, best 93.12 %");
        assert_eq!(tally.sentence(), "All 42 jobs succeeded.");
        let tally = Tally { all: 42, succeeded: 37, failed: 3, skipped: 2, ..Tally::default() };
        assert_eq!(headline("failed", "kd", &tally, None).1, "kd ended: 3 of 42 jobs failed");
        assert_eq!(tally.sentence(), "Of 42 jobs: 37 succeeded, 3 failed, 2 skipped.");
        let said = headline("cancelled", "kd", &tally, Some("93 %")).1;
        assert_eq!(said, "kd was cancelled: 37 of 42 jobs had succeeded");
        let one = Tally { all: 1, succeeded: 1, ..Tally::default() };
        assert_eq!(headline("finished", "kd", &one, None).1, "kd is finished: 1 job");
    }
}
