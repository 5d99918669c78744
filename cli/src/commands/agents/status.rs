//! `sweep agents status`.

use crate::context::Context;
use crate::exit::Outcome;
use crate::fleet::selection::{Selected, Selection};
use crate::fleet::{slurm, ssh};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    match args.selection.understand()? {
        Selected::Hosts { file, only } => ssh::launch(context, &file, &only).await,
        Selected::Slurm { spec, only } => slurm::status(context, &spec, &only).await,
    }
}
