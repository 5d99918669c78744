//! `sweep retry [SWEEP|JOB]`.

use serde_json::json;

use super::NOBODY_WORKS;
use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output};

const EXAMPLES: &str = "\
Examples:
  sweep retry          all failed, cancelled and skipped jobs of the latest sweep
  sweep retry s3
  sweep retry j17      one job, and those that were skipped because of it";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep (s3) or a job (j17) [default: the latest sweep]
    #[arg(value_name = "SWEEP|JOB")]
    which: Option<Target>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let target = connection.client.target(args.which).await?;
    let changed = connection.client.retry(target).await?;
    let nobody_works = connection.is_inside();
    connection.close().await;
    if context.json {
        output::json(&json!({ "changed": changed }))?;
        return Ok(Exit::Done);
    }
    if changed == 0 {
        output::print(&format!("{target}: nothing to retry"))?;
        return Ok(Exit::Done);
    }
    output::print(&format!("{target}: {} will be tried again", format::plural(changed as usize, "job")))?;
    if nobody_works {
        output::note(NOBODY_WORKS);
    }
    Ok(Exit::Done)
}
