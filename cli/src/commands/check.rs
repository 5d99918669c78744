//! `sweep check PLAN`.

use std::path::PathBuf;

use crate::check;
use crate::context::Context;
use crate::exit::Outcome;

const EXAMPLES: &str = "\
Nothing is run and no coordinator is needed. Where work has been done before (on --home, or at the \
coordinator), how long it took is what the time is reckoned by.

Examples:
  sweep check plan.yaml
  sweep check plan.yaml --json | jq '.jobs | length'";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The plan (YAML); - reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
    /// Ask nobody how long earlier work took
    #[arg(long)]
    offline: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    check::run(context, &args.plan, args.offline).await
}
