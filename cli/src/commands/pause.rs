//! `sweep pause [SWEEP|JOB]`.

use serde_json::json;

use super::running::{count, stopping};
use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::naming::{self, Which};
use crate::output;

const EXAMPLES: &str = "\
Nothing that is paused starts. What runs is told to write a checkpoint and stop, which spends no retry; \
after `sweep resume` it goes on from there. A command that writes no checkpoints begins again.

Examples:
  sweep pause          the latest sweep
  sweep pause s3
  sweep pause j17      one job; those that read its result wait for it";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep (s3, or its name) or a job (j17) [default: the latest sweep]
    #[arg(value_name = "SWEEP|JOB")]
    which: Option<Which>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let target = naming::target(&mut connection.client, args.which.as_ref()).await?;
    let running = count(&mut connection.client, target).await?;
    let changed = connection.client.pause(target).await?;
    connection.close().await;
    if context.json {
        output::json(&json!({ "changed": changed, "stopping": if changed > 0 { running } else { 0 } }))?;
    } else {
        output::print(&said(target, changed, running))?;
    }
    Ok(Exit::Done)
}

fn said(target: Target, changed: u32, running: usize) -> String {
    if changed == 0 {
        return format!("{target}: paused already; `sweep resume {target}` goes on");
    }
    let mut text = match target {
        Target::Sweep(_) => format!("{target}: paused; none of its jobs starts until `sweep resume {target}`"),
        Target::Job(_) => format!("{target}: paused until `sweep resume {target}`"),
    };
    if running > 0 {
        text += &format!("\n{} told to write a checkpoint and stop", stopping(target, running));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::{JobId, SweepId};

    #[test]
    fn what_runs_is_told_of() {
        let (sweep, job) = (Target::Sweep(SweepId(3)), Target::Job(JobId(17)));
        assert_eq!(said(sweep, 1, 0), "s3: paused; none of its jobs starts until `sweep resume s3`");
        assert!(said(sweep, 1, 1).ends_with("\n1 running job is told to write a checkpoint and stop"));
        assert!(said(sweep, 1, 2).ends_with("\n2 running jobs are told to write a checkpoint and stop"));
        assert!(said(job, 1, 1).ends_with("\nits attempt is told to write a checkpoint and stop"));
        assert_eq!(said(job, 0, 0), "j17: paused already; `sweep resume j17` goes on");
    }
}
