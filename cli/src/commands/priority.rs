//! `sweep priority SWEEP|JOB N`.

use serde_json::json;

use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::naming::{self, Which};
use crate::{format, output};

const EXAMPLES: &str = "\
Higher goes first; 0 is usual. A job's own priority and its sweep's are added. A job that waits makes a \
running one of lower priority write a checkpoint and give way; that one spends no retry and goes on later. \
Measurements, and commands that write no checkpoints, are never interrupted for others.

Examples:
  sweep priority s3 10     before everything of lower priority
  sweep priority j17 -5    after its sweep's other jobs";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep (s3, or its name) or a job (j17)
    #[arg(value_name = "SWEEP|JOB")]
    which: Which,
    /// A whole number, from -1000000 to 1000000
    #[arg(value_name = "N", allow_negative_numbers = true, value_parser = priority)]
    priority: i32,
}

fn priority(text: &str) -> Result<i32, String> {
    let priority = text.parse().ok().filter(|n| (-1_000_000..=1_000_000).contains(n));
    priority.ok_or_else(|| "a priority is a whole number from -1000000 to 1000000; 0 is usual".to_owned())
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let target = naming::target(&mut connection.client, Some(&args.which)).await?;
    let changed = connection.client.set_priority(target, args.priority).await?;
    connection.close().await;
    if context.json {
        output::json(&json!({ "changed": changed, "priority": args.priority }))?;
    } else {
        output::print(&said(target, args.priority, changed))?;
    }
    Ok(Exit::Done)
}

fn said(target: Target, priority: i32, changed: u32) -> String {
    match target {
        Target::Sweep(_) => format!("{target}: priority {priority} for {}", format::plural(changed as usize, "job")),
        Target::Job(_) => format!("{target}: priority {priority}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::{JobId, SweepId};

    #[test]
    fn a_priority_is_a_bounded_whole_number() {
        assert_eq!((priority("-5"), priority("1000000")), (Ok(-5), Ok(1_000_000)));
        for text in ["high", "1.5", "1000001", ""] {
            assert!(priority(text).unwrap_err().contains("whole number"), "{text}");
        }
    }

    #[test]
    fn what_it_holds_for_is_said() {
        assert_eq!(said(Target::Sweep(SweepId(3)), 10, 2), "s3: priority 10 for 2 jobs");
        assert_eq!(said(Target::Job(JobId(7)), -5, 1), "j7: priority -5");
    }
}
