//! `sweep retry [SWEEP|JOB]`.

use serde_json::json;

use super::NOBODY_WORKS;
use super::waiting::{self, Waits};
use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::naming::{self, Which};
use crate::{format, output};

const EXAMPLES: &str = "\
Examples:
  sweep retry          all failed, cancelled and skipped jobs of the latest sweep
  sweep retry s3
  sweep retry j17      one job, and those that were skipped because of it
  sweep retry --wait   and wait for the end; the exit code tells how it ended";

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
    let changed = connection.client.retry(target).await?;
    let nobody_works = connection.is_inside();
    if args.waits.wait {
        output::note(&said(target, changed));
        let exit = waiting::wait(context, &mut connection, target, args.waits.timeout).await;
        connection.close().await;
        return exit;
    }
    connection.close().await;
    if context.json {
        output::json(&json!({ "changed": changed }))?;
        return Ok(Exit::Done);
    }
    output::print(&said(target, changed))?;
    if changed > 0 && nobody_works {
        output::note(NOBODY_WORKS);
    }
    Ok(Exit::Done)
}

fn said(target: Target, changed: u32) -> String {
    match changed {
        0 => format!("{target}: nothing to retry"),
        n => format!("{target}: {} will be tried again", format::plural(n as usize, "job")),
    }
}
