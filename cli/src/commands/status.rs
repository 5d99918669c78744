//! `sweep status [SWEEP]`.

use std::time::SystemTime;

use serde_json::{Map, Value, json};
use sweep_shared::ids::SweepId;
use sweep_shared::states::JobState;

use crate::answer::{Job, Sweep};
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, terminal};

const EXAMPLES: &str = "\
Examples:
  sweep status           the latest sweep
  sweep status s3 --all  every job of it
  sweep status --json    counts by state and all jobs, for scripts";

/// Jobs shown unless all are asked for.
const SHOWN: usize = 40;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep [default: the latest]
    sweep: Option<SweepId>,
    /// Show every job, however many there are
    #[arg(long)]
    all: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let (sweep, jobs) = connection.client.status(args.sweep).await?;
    let nobody_works = connection.is_inside() && !sweep.is_over();
    connection.close().await;
    if context.json {
        output::json(&document(&sweep, &jobs))?;
        return Ok(Exit::Done);
    }
    let most = if args.all { usize::MAX } else { SHOWN };
    output::print(&text(&sweep, &jobs, most, terminal::width()))?;
    if nobody_works {
        output::note("nobody works on it now: run `sweep local PLAN` again, or start `sweep serve` and `sweep agent`");
    }
    Ok(Exit::Done)
}

/// Scripts rely on it: fields are added, not renamed.
fn document(sweep: &Sweep, jobs: &[Job]) -> Value {
    let mut object = summary(sweep);
    object.insert("jobs".to_owned(), jobs.iter().map(job_object).collect());
    Value::Object(object)
}

/// A sweep in short, with its jobs counted by state.
pub fn summary(sweep: &Sweep) -> Map<String, Value> {
    let counts: Map<String, Value> = sweep.counts.iter().map(|(state, n)| (state.to_string(), json!(n))).collect();
    let object = json!({
        "id": sweep.id.to_string(),
        "name": sweep.name,
        "state": sweep.state,
        "paused": sweep.paused,
        "created_ms": unix_ms(sweep.created),
        "finished_ms": unix_ms(sweep.finished),
        "counts": counts,
        "reused": sweep.reused,
    });
    match object {
        Value::Object(object) => object,
        _ => unreachable!("json! was given an object"),
    }
}

fn job_object(job: &Job) -> Value {
    json!({
        "id": job.id.to_string(),
        "stage": job.stage,
        "kind": job.kind,
        "label": job.label,
        "seed": job.seed,
        "state": job.state,
        "attempt": job.attempt,
        "fraction": job.fraction,
        "epoch": job.epoch,
        "epochs": job.epochs,
        "agent": job.agent,
        "failure_class": job.failure,
        "message": job.message,
        "reused": job.reused,
        "started_ms": unix_ms(job.started),
        "finished_ms": unix_ms(job.finished),
        "key": job.key,
        "resumed_from": job.resumed_from,
        "metrics": job.metrics,
    })
}

/// Unix milliseconds, as the coordinator keeps them.
pub fn unix_ms(moment: Option<SystemTime>) -> Option<u64> {
    let since = moment?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_millis() as u64)
}

fn text(sweep: &Sweep, jobs: &[Job], most: usize, width: Option<u16>) -> String {
    let state = sweep.state.as_str().replace('_', " ");
    let paused = if sweep.paused { " (paused)" } else { "" };
    let time = sweep.age().map(|age| format!(", {}", format::duration(age))).unwrap_or_default();
    let reused = if sweep.reused > 0 { format!(", {} reused", sweep.reused) } else { String::new() };
    let counts: Vec<String> = sweep.counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let head = format!("{} {}: {state}{paused}{time}; jobs: {}{reused}", sweep.id, sweep.name, counts.join(", "));
    if jobs.is_empty() {
        return head;
    }
    let shown = pick(jobs, most);
    let left = jobs.len() - shown.len();
    let more =
        if left > 0 { format!("\n{} more; --all shows them", format::plural(left, "job")) } else { String::new() };
    format!("{head}\n\n{}{more}", table(&shown, width))
}

/// The jobs most worth seeing, at most so many, in their own order: running, failed, then those to come.
fn pick(jobs: &[Job], most: usize) -> Vec<&Job> {
    let rank = |job: &Job| match job.state {
        JobState::Running => 0,
        JobState::Failed => 1,
        JobState::Ready | JobState::Paused => 2,
        JobState::Blocked => 3,
        _ => 4,
    };
    let mut picked: Vec<&Job> = jobs.iter().collect();
    picked.sort_by_key(|job| (rank(job), job.id));
    picked.truncate(most);
    picked.sort_by_key(|job| job.id);
    picked
}

fn table(jobs: &[&Job], width: Option<u16>) -> String {
    let seeds = jobs.windows(2).any(|pair| pair[0].seed != pair[1].seed);
    let mut table = terminal::table(["job", "what", "state", "try", "epoch", "time", "note"], width);
    for job in jobs {
        let epoch = if job.epochs > 0 { format!("{}/{}", job.epoch, job.epochs) } else { String::new() };
        let time = job.run_time().filter(|_| job.attempt > 0).map(format::duration).unwrap_or_default();
        let attempt = if job.attempt > 0 { job.attempt.to_string() } else { String::new() };
        table.add_row([job.id.to_string(), job.name(seeds), job.state.to_string(), attempt, epoch, time, note(job)]);
    }
    table.trim_fmt()
}

fn note(job: &Job) -> String {
    let mut parts = Vec::new();
    if job.reused {
        parts.push("reused".to_owned());
    }
    if job.resumed_from > 0 {
        parts.push(format!("from epoch {}", job.resumed_from));
    }
    if let Some(class) = job.failure {
        parts.push(class.to_string());
    }
    if !job.message.is_empty() {
        parts.push(format::one_line(&job.message, 120));
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{tests_job, tests_sweep};

    #[test]
    fn the_document_keeps_the_promised_names() {
        let sweep = Sweep { counts: [(JobState::Succeeded, 2), (JobState::Failed, 1)].into(), ..tests_sweep() };
        let document = document(&sweep, &[tests_job(7, JobState::Failed)]);
        assert_eq!(document["id"], "s1");
        assert_eq!(document["state"], "active");
        assert_eq!(document["counts"], json!({ "succeeded": 2, "failed": 1 }));
        assert_eq!(document["jobs"][0]["id"], "j7");
        assert_eq!(document["jobs"][0]["state"], "failed");
    }

    #[test]
    fn among_many_jobs_those_that_matter_are_shown() {
        let mut jobs: Vec<Job> = (1..=100).map(|id| tests_job(id, JobState::Succeeded)).collect();
        jobs[70].state = JobState::Failed;
        jobs[90].state = JobState::Running;
        let shown: Vec<i64> = pick(&jobs, 3).iter().map(|job| job.id.0).collect();
        assert_eq!(shown, [1, 71, 91]);
        let text = text(&tests_sweep(), &jobs, 3, Some(80));
        assert!(text.contains("97 jobs more"), "{text}");
    }
}
