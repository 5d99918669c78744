//! `sweep results [SWEEP]`.

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::naming::{self, SweepName};
use crate::results::{Width, csv, document, markdown, table};
use crate::{output, terminal};

const EXAMPLES: &str = "\
Seeds of the same point are one row with mean ± standard deviation; --csv and --json list them singly.

Examples:
  sweep results                      the latest sweep, as a table
  sweep results s3 --csv > s3.csv    for a spreadsheet or a data frame
  sweep results --markdown           for a README
  sweep results --json | jq '.[] | select(.accuracy > 0.9) | .files'";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep: s3, or its name [default: the latest]
    sweep: Option<SweepName>,
    /// Comma-separated values, a line per point
    #[arg(long, conflicts_with_all = ["markdown", "json"])]
    csv: bool,
    /// A Markdown table
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let sweep = naming::sweep(&mut connection.client, args.sweep.as_ref()).await?;
    let (sweep, points) = connection.client.results(sweep).await?;
    let here = connection.shares_disk();
    connection.close().await;
    if context.json {
        output::json(&document(sweep.id, &points))?;
    } else if args.csv {
        output::print(&csv(sweep.id, &points))?;
    } else if args.markdown {
        output::print(&markdown(&points))?;
    } else {
        output::print(&table(&sweep, &points, Width::of(terminal::width()), here))?;
    }
    Ok(Exit::Done)
}
