//! `sweep submit PLAN`.

use std::path::PathBuf;

use serde_json::json;

use super::submission::{Choice, submit};
use super::watch::watch;
use crate::connect::{Connection, Submitted};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, plan_files};

const EXAMPLES: &str = "\
The coordinator must be running (`sweep serve`); agents (`sweep agent`) may come later.

Examples:
  sweep submit plan.yaml            hand it over and return
  sweep submit plan.yaml --watch    and watch it to the end
  sweep submit - < plan.yaml";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The plan (YAML); - reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
    /// Watch it until it is over, then print its results
    #[arg(long, short)]
    watch: bool,
    /// Do all of its work anew, even where an earlier sweep did the same
    #[arg(long)]
    no_reuse: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let plan = plan_files::read(&args.plan)?;
    let mut connection = Connection::live(context).await?;
    let choice = Choice { no_reuse: args.no_reuse, ..Choice::default() };
    let submitted = submit(&mut connection.client, &plan, choice).await?;
    tell(context, &submitted, args.watch)?;
    if !connection.client.agents().await?.iter().any(|agent| agent.connected) {
        output::note("no agent is connected yet, so nothing runs; start one with `sweep agent`");
    }
    if args.watch { watch(context, &mut connection, submitted.sweep).await } else { Ok(Exit::Done) }
}

fn tell(context: &Context, submitted: &Submitted, watched: bool) -> std::io::Result<()> {
    let Submitted { sweep, created, jobs, reused } = submitted;
    match (context.json, watched) {
        // The one document will be the results.
        (true, true) => Ok(()),
        (true, false) => {
            output::json(&json!({ "sweep": sweep.to_string(), "created": created, "jobs": jobs, "reused": reused }))
        }
        (false, _) => {
            let reused =
                if *reused > 0 { format!(", {reused} of them done already in earlier sweeps") } else { String::new() };
            let next = if watched { String::new() } else { format!("\nsweep watch {sweep}") };
            output::print(&format!("{sweep}: {}{reused}{next}", format::plural(*jobs as usize, "job")))
        }
    }
}
