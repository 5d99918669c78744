//! `sweep completions SHELL`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::exit::{Exit, Outcome};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  sweep completions bash > ~/.local/share/bash-completion/completions/sweep
  sweep completions zsh > ~/.zfunc/_sweep
  sweep completions fish > ~/.config/fish/completions/sweep.fish";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell to complete for
    shell: Shell,
}

pub fn run(args: Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::args::Cli::command(), "sweep", &mut script);
    output::write(&script)?;
    Ok(Exit::Done)
}
