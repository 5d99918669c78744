//! `sweep check PLAN`.

use std::path::PathBuf;

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::plan_files;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan (YAML); - reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
}

pub fn run(_: &Context, args: Args) -> Outcome {
    plan_files::read(&args.plan)?;
    Ok(Exit::Done)
}
