//! `sweep check PLAN`.

use std::path::PathBuf;

use crate::check;
use crate::context::Context;
use crate::exit::Outcome;

const EXAMPLES: &str = "\
Nothing is run and no coordinator is needed.

Examples:
  sweep check plan.yaml
  sweep check plan.yaml --json | jq '.jobs | length'";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The plan (YAML); - reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
}

pub fn run(context: &Context, args: Args) -> Outcome {
    check::run(context.json, &args.plan)
}
