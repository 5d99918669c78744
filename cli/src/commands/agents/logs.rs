//! `sweep agents logs`.

use crate::context::Context;
use crate::exit::Outcome;
use crate::fleet::selection::{Selected, Selection};
use crate::fleet::{slurm, ssh};

const EXAMPLES: &str = "\
Examples:
  sweep agents logs hosts.yaml                    the last lines of each
  sweep agents logs hosts.yaml --only desk-2 -f   and what it says from now on";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// How many lines of each
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    lines: u32,
    /// Print what a host's agent says from now on, too
    #[arg(short, long, conflicts_with = "slurm")]
    follow: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    match args.selection.understand()? {
        Selected::Hosts { file, only } => ssh::logs(&file, &only, args.lines, args.follow).await,
        Selected::Slurm { spec, only } => slurm::logs(context, &spec, &only).await,
    }
}
