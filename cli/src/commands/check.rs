//! `sweep check PLAN`.

use std::path::PathBuf;

use crate::check;
use crate::context::Context;
use crate::exit::Outcome;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan (YAML); - reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
}

pub fn run(context: &Context, args: Args) -> Outcome {
    check::run(context.json, &args.plan)
}
