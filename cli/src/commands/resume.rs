//! `sweep resume [SWEEP|JOB]`.

use serde_json::json;
use sweep_shared::states::JobState;

use super::NOBODY_WORKS;
use super::waiting::{self, Waits};
use crate::answer::{Job, Sweep};
use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::naming::{self, Which};
use crate::{format, output};

const EXAMPLES: &str = "\
What was interrupted goes on from its last checkpoint. A sweep that was paused because its budget is \
spent goes on regardless of it. Jobs that were paused by themselves stay so.

Examples:
  sweep resume          the latest sweep
  sweep resume s3
  sweep resume j17
  sweep resume s3 --wait --timeout 2h    and wait for its end";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep (s3, or its name) or a job (j17) [default: the latest sweep]
    #[arg(value_name = "SWEEP|JOB")]
    which: Option<Which>,
    #[command(flatten)]
    waits: Waits,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let target = naming::target(&mut connection.client, args.which.as_ref()).await?;
    let changed = connection.client.resume(target).await?;
    let (sweep, jobs) = connection.client.look(Some(target), false).await?;
    let nobody_works = connection.is_inside() && changed > 0;
    if args.waits.wait {
        output::note(&said(target, changed, &sweep, &jobs));
        let exit = waiting::wait(context, &mut connection, target, args.waits.timeout).await;
        connection.close().await;
        return exit;
    }
    connection.close().await;
    if context.json {
        output::json(&json!({ "changed": changed }))?;
        return Ok(Exit::Done);
    }
    output::print(&said(target, changed, &sweep, &jobs))?;
    if nobody_works {
        output::note(NOBODY_WORKS);
    }
    Ok(Exit::Done)
}

fn said(target: Target, changed: u32, sweep: &Sweep, jobs: &[Job]) -> String {
    let mut text = match (changed, target) {
        (0, _) => format!("{target}: it is not paused"),
        (_, Target::Sweep(_)) => format!("{target}: goes on"),
        (_, Target::Job(_)) => {
            let state = jobs.first().map_or(JobState::Ready, |job| job.state);
            format!("{target}: no longer paused; it is {state}")
        }
    };
    // The other of the two may still hold it back.
    match target {
        Target::Job(_) => {
            if let Some(paused) = sweep.pause() {
                text += &format!("\nits sweep {id} is {paused}; `sweep resume {id}` goes on", id = sweep.id);
            }
        }
        Target::Sweep(_) => {
            let paused: Vec<&Job> = jobs.iter().filter(|job| job.state == JobState::Paused).collect();
            if let Some(first) = paused.first() {
                let (jobs, verb) = (format::plural(paused.len(), "job"), if paused.len() == 1 { "is" } else { "are" });
                text += &format!("\n{jobs} of it {verb} paused singly and {verb} left so: `sweep resume {}`", first.id);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{tests_job, tests_sweep};
    use sweep_shared::ids::{JobId, SweepId};

    #[test]
    fn what_still_holds_it_back_is_named() {
        let (sweep, job) = (Target::Sweep(SweepId(1)), Target::Job(JobId(7)));
        let ready = [tests_job(7, JobState::Ready)];
        assert_eq!(said(sweep, 1, &tests_sweep(), &ready), "s1: goes on");
        assert_eq!(said(sweep, 0, &tests_sweep(), &ready), "s1: it is not paused");
        let left = said(sweep, 1, &tests_sweep(), &[tests_job(7, JobState::Paused)]);
        assert_eq!(left, "s1: goes on\n1 job of it is paused singly and is left so: `sweep resume j7`");
        assert_eq!(said(job, 1, &tests_sweep(), &ready), "j7: no longer paused; it is ready");
        let paused = Sweep { paused: true, ..tests_sweep() };
        assert!(said(job, 1, &paused, &ready).ends_with("\nits sweep s1 is paused; `sweep resume s1` goes on"));
    }
}
