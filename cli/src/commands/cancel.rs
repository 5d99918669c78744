//! `sweep cancel [SWEEP|JOB]`.

use serde_json::json;

use super::which::{Which, target};
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
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
    /// A sweep (s3) or a job (j17) [default: the latest sweep]
    #[arg(value_name = "SWEEP|JOB")]
    which: Option<Which>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let target = target(&mut connection.client, args.which).await?;
    let changed = connection.client.cancel(target).await?;
    connection.close().await;
    if context.json {
        output::json(&json!({ "changed": changed }))?;
    } else {
        let said = if changed == 0 {
            "nothing was left to cancel".to_owned()
        } else {
            format!("{} cancelled", format::plural(changed as usize, "job"))
        };
        output::print(&format!("{target}: {said}"))?;
    }
    Ok(Exit::Done)
}
