//! `sweep agents stop`.

use crate::context::Context;
use crate::exit::Outcome;
use crate::fleet::selection::{Selected, Selection};
use crate::fleet::{slurm, ssh};

const EXAMPLES: &str = "\
Their jobs write checkpoints and go back to the queue, which spends no retry. What was copied to the hosts \
stays there; `sweep agents launch` starts the agents again.

Examples:
  sweep agents stop hosts.yaml
  sweep agents stop hosts.yaml --only desk-2 --now";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Do not wait for checkpoints: jobs go on from their last ones
    #[arg(long, conflicts_with = "slurm")]
    now: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    match args.selection.understand()? {
        Selected::Hosts { file, only } => ssh::stop_all(context, &file, &only, args.now).await,
        Selected::Slurm { spec, only } => slurm::stop(context, &spec, &only).await,
    }
}
