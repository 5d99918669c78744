//! What is said when a watched sweep is over: the table, what failed, and what can be done about it.

use sweep_shared::states::{JobState, SweepState};

use crate::answer::{Job, Sweep};
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::results::{Width, document, table};
use crate::{format, output, terminal};

/// Failed jobs that are named; `sweep status` has them all.
const NAMED: usize = 5;

/// Prints the results of a sweep that is over and returns what its end means for the caller. `again`: the command that
/// would retry what failed.
pub async fn report(context: &Context, connection: &mut Connection, sweep: &Sweep, again: &str) -> Outcome {
    let (sweep, points) = connection.client.results(Some(sweep.id)).await?;
    if context.json {
        output::json(&document(sweep.id, &points))?;
    } else {
        output::print(&format!(
            "\n{}",
            table(&sweep, &points, Width::of(terminal::width()), connection.shares_disk())
        ))?;
    }
    if sweep.state == SweepState::FinishedWithFailures {
        let (_, jobs) = connection.client.status(Some(sweep.id)).await?;
        output::note(&failures(&jobs, again));
    } else if sweep.state == SweepState::Cancelled {
        output::note(&format!("{} was cancelled; `sweep retry {}` takes its jobs up again", sweep.id, sweep.id));
    }
    Ok(Exit::of_sweep(sweep.state))
}

/// What failed, and what can be done about it. `again`: the command that would retry it.
pub fn failures(jobs: &[Job], again: &str) -> String {
    let failed: Vec<&Job> = jobs.iter().filter(|job| job.state == JobState::Failed).collect();
    let skipped = jobs.iter().filter(|job| job.state == JobState::Skipped).count();
    let cancelled = jobs.iter().filter(|job| job.state == JobState::Cancelled).count();
    let mut text = format!("{} failed", format::plural(failed.len(), "job"));
    for (n, word) in [(skipped, "skipped"), (cancelled, "cancelled")].into_iter().filter(|(n, _)| *n > 0) {
        text += &format!(", {n} {word}");
    }
    text.push('\n');
    for job in failed.iter().take(NAMED) {
        let class = job.failure.map_or(String::new(), |class| format!(" ({class})"));
        text += &format!("  {} {}{class}: {}\n", job.id, job.name(true), format::one_line(&job.message, 160));
    }
    if failed.len() > NAMED {
        text += &format!("  and {} more: sweep status\n", failed.len() - NAMED);
    }
    if let Some(first) = failed.first() {
        text += &format!("`sweep logs {}` shows what it wrote; ", first.id);
    }
    text + &format!("`{again}` tries again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::tests_job;

    #[test]
    fn failures_are_named_with_what_to_do() {
        let mut jobs: Vec<Job> = (1..=7).map(|id| tests_job(id, JobState::Failed)).collect();
        jobs[0].message = "exit status: 1\nboom".to_owned();
        jobs.push(tests_job(8, JobState::Skipped));
        let text = failures(&jobs, "sweep retry s1");
        assert!(text.starts_with("7 jobs failed, 1 skipped\n  j1 base seed=0: exit status: 1 boom\n"), "{text}");
        assert!(text.contains("and 2 more"), "{text}");
        assert!(text.ends_with("`sweep logs j1` shows what it wrote; `sweep retry s1` tries again"), "{text}");
    }
}
