//! `sweep cancel [SWEEP|JOB]`.

use serde_json::json;

use super::running::{count, stopping};
use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::naming::{self, Which};
use crate::{format, output};

const EXAMPLES: &str = "\
Running jobs are killed; those that wait will not start. What is done is kept, and `sweep retry` takes \
cancelled jobs up again.

Examples:
  sweep cancel         the latest sweep
  sweep cancel s3
  sweep cancel j17     one job; those that read its result are skipped";

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
    let changed = connection.client.cancel(target).await?;
    connection.close().await;
    if context.json {
        output::json(&json!({ "changed": changed, "stopping": running }))?;
    } else {
        output::print(&said(target, changed, running))?;
    }
    Ok(Exit::Done)
}

fn said(target: Target, changed: u32, running: usize) -> String {
    if changed == 0 {
        return format!("{target}: nothing was left to cancel");
    }
    let killed = if running > 0 { format!("\n{} killed", stopping(target, running)) } else { String::new() };
    format!("{target}: {} cancelled{killed}", format::plural(changed as usize, "job"))
}
