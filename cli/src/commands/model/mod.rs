//! `sweep model …`: the networks that a plan can name, what they cost, and how two of them differ.
//!
//! Nothing here needs weights, a coordinator or libtorch: [`source`] turns a name or a file into a graph, `sweep_model`
//! counts, [`layers`] shortens hundreds of nodes to what fits a screen.

mod bisect;
mod diff;
mod layers;
mod list;
mod memory;
mod show;
mod source;

use crate::context::Context;
use crate::exit::Outcome;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the networks that a plan can name
    #[command(
        after_help = "Examples:\n  sweep model list\n  sweep model list --json | jq -r '.[] | select(.macs < 1e8) | .name'"
    )]
    List,
    /// Show what a network costs: parameters, multiply-accumulates, memory, layer by layer
    Show(show::Args),
    /// Show how two networks differ, such as a pruned one from the one it was made of
    Diff(diff::Args),
    /// Find the first node at which libtorch, ONNX Runtime or another program computes something else
    Bisect(bisect::Args),
}

pub fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::List => list::run(context),
        Command::Show(args) => show::run(context, &args),
        Command::Diff(args) => diff::run(context, &args),
        Command::Bisect(args) => bisect::run(context, &args),
    }
}
