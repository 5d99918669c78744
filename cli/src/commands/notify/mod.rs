//! `sweep notify`: what people are told, and whether it reaches them.

mod list;
mod test;

use crate::context::Context;
use crate::exit::Outcome;

const EXAMPLES: &str = "\
Who is told of what, and by which servers, stands in sweep.toml under [notify] where the coordinator runs; \
a plan's `notify` names others for its sweep. docs/notices.md has all of it.

Examples:
  sweep notify test                          everybody whom the settings name
  sweep notify test --to me@example.org      or just one: an address, +15550100,
                                             the name of a web hook
  sweep notify list                          what went out, what waits and why
  sweep notify list --waiting";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// Send a notice now, and tell what each server answered
    Test(test::Args),
    /// Show what people were told, and what still waits to be told
    List(list::Args),
}

pub async fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Test(args) => test::run(context, args).await,
        Command::List(args) => list::run(context, args).await,
    }
}
