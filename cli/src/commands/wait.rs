//! `sweep wait [SWEEP|JOB]`.

use super::waiting;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::Outcome;
use crate::naming::{self, Which};
use crate::settings::Span;

const EXAMPLES: &str = "\
For scripts: nothing is drawn, one line tells how it ended, and so does the exit code: 0 all succeeded, 1 jobs \
failed, 4 it was cancelled, 130 the time ran out or Ctrl-C (it goes on by itself). A coordinator that \
restarts is waited for.

Examples:
  sweep wait                       the latest sweep
  sweep wait s3 --timeout 2h && sweep results s3 --csv > s3.csv
  sweep wait j17                   one job";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep (s3, or its name) or a job (j17) [default: the latest sweep]
    #[arg(value_name = "SWEEP|JOB")]
    which: Option<Which>,
    /// No longer than this, then end with 130
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let target = naming::target(&mut connection.client, args.which.as_ref()).await?;
    let exit = waiting::wait(context, &mut connection, target, args.timeout).await;
    connection.close().await;
    exit
}
