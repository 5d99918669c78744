//! `sweep agents status`.

use crate::context::Context;
use crate::exit::Outcome;
use crate::fleet::selection::{Selected, Selection};
use crate::fleet::{slurm, ssh};

const EXAMPLES: &str = "\
Joins what the hosts say (does the agent's process live, since when, as which version) with what the \
coordinator says (is it connected, what does it run). The exit code is 0 where all agents run and are connected.

Examples:
  sweep agents status hosts.yaml
  sweep agents status hosts.yaml --only desk-2";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    match args.selection.understand()? {
        Selected::Hosts { file, only } => ssh::status(context, &file, &only).await,
        Selected::Slurm { spec, only } => slurm::status(context, &spec, &only).await,
    }
}
