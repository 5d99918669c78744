//! `sweep status [SWEEP|JOB]`.

mod document;
pub mod lineage;
mod text;

use std::time::SystemTime;

pub use document::{document, job_object, summary, unix_ms};
pub use text::line;

use super::NOBODY_WORKS;
use crate::answer::{Job, Sweep};
use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::naming::{self, Which};
use crate::{output, terminal};

const EXAMPLES: &str = "\
Examples:
  sweep status           the latest sweep
  sweep status s3 --all  every job of it
  sweep status j17       one job and the attempts at it
  sweep status --json    counts by state, all jobs and their attempts, for scripts";

/// Jobs shown unless all are asked for.
const SHOWN: usize = 40;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep (s3, or its name) or a job (j17) [default: the latest sweep]
    #[arg(value_name = "SWEEP|JOB")]
    which: Option<Which>,
    /// Show every job, however many there are
    #[arg(long)]
    all: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let target = naming::some_target(&mut connection.client, args.which.as_ref()).await?;
    let (sweep, jobs) = connection.client.look(target, context.json).await?;
    let nobody_works = connection.is_inside() && !sweep.is_over();
    let halted = connection.client.halted();
    connection.close().await;
    if context.json {
        output::json(&document(&sweep, &jobs, halted.as_ref()))?;
        return Ok(Exit::Done);
    }
    output::print(&shown(target, args.all, &sweep, &jobs))?;
    if nobody_works {
        output::note(NOBODY_WORKS);
    }
    Ok(Exit::Done)
}

fn shown(target: Option<Target>, all: bool, sweep: &Sweep, jobs: &[Job]) -> String {
    let (width, zone, now) = (terminal::width(), Zone::here(), SystemTime::now());
    match (target, jobs) {
        (Some(Target::Job(_)), [job]) => text::job_text(sweep, job, width, &zone, now),
        _ => text::sweep_text(sweep, jobs, if all { usize::MAX } else { SHOWN }, width),
    }
}
