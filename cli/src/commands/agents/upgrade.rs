//! `sweep agents upgrade`.

use crate::context::Context;
use crate::exit::Outcome;
use crate::fleet::selection::{Selected, Selection};
use crate::fleet::{slurm, ssh};

const EXAMPLES: &str = "\
What runs is stopped in good order first: jobs write checkpoints and go on afterwards, there or elsewhere, \
which spends no retry. An agent that is as it should be is left alone; one that does not run is started.

Examples:
  sweep agents upgrade hosts.yaml
  sweep agents upgrade hosts.yaml --only desk-2   try it on one";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    match args.selection.understand()? {
        Selected::Hosts { file, only } => ssh::launch(context, &file, &only, true).await,
        Selected::Slurm { spec, only } => slurm::upgrade(context, &spec, &only).await,
    }
}
