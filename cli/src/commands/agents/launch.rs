//! `sweep agents launch`.

use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::fleet::selection::{Selected, Selection};
use crate::fleet::{slurm, ssh};
use crate::settings::Span;

const EXAMPLES: &str = "\
Hosts are reached by the system's ssh, which must ask no questions; nothing has to be installed there. What \
they lack of this program is copied, the agent is started so that it outlives the connection, and is started \
again when it dies. An agent that runs is left alone, so the command can be given again at any time.

Examples:
  sweep agents launch hosts.yaml
  sweep agents launch hosts.yaml --only desk-2
  sweep agents launch --slurm partition=gpu,gres=gpu:1,time=08:00:00,count=4";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// With --slurm: print the batch script, submit nothing
    #[arg(long, requires = "slurm")]
    print: bool,
    /// With --slurm: stay, look so often, and ask for more while jobs wait, up to max=; Ctrl-C leaves the agents running [default: 30s]
    #[arg(long, value_name = "TIME", requires = "slurm", num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    follow: Option<Span>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    match args.selection.understand()? {
        Selected::Hosts { file, only } => ssh::launch(context, &file, &only, false).await,
        Selected::Slurm { spec, only } if only.is_empty() => {
            let how = slurm::How { print: args.print, follow: args.follow.map(|span| span.0) };
            slurm::launch(context, &spec, how).await
        }
        Selected::Slurm { .. } => {
            Err(Failure::usage("--only names what was launched: with --slurm there is nothing to choose from yet")
                .hint("count= says how many there are to be"))
        }
    }
}
