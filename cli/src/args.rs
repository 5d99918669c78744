//! The command line as clap sees it. What each command takes is declared beside the command.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use crate::commands::Command;
use crate::exit::CODES_HELP;

/// Neural-network compression studies that survive closed sessions, crashes and full GPUs.
///
/// A plan (YAML) describes what to train, distil, prune, quantize and measure. `sweep local PLAN` runs it on this
/// machine; `sweep serve` and `sweep agent` spread it over several.
#[derive(Debug, Parser)]
#[command(name = "sweep", version, arg_required_else_help = true, max_term_width = 100, after_help = after_help())]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Folder that holds the database, artifacts and results [default: ~/.local/share/sweep; env: SWEEP_HOME]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub home: Option<PathBuf>,
    /// Coordinator to talk to, like 127.0.0.1:7433 [default: the one that runs on --home; env: SWEEP_COORDINATOR]
    #[arg(long, global = true, value_name = "URL")]
    pub coordinator: Option<String>,
    /// File with the coordinator's token [default: --home's own; env: SWEEP_TOKEN_FILE, or the token in SWEEP_TOKEN]
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// Print one JSON document instead of text (errors too)
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell more about what happens inside (-vv: still more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print results and errors only, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

fn after_help() -> String {
    format!(
        "\
Examples:
  sweep check plan.yaml                 what the plan comes to; runs nothing
  sweep local plan.yaml                 run it here; again: continue, or show what came out
  sweep results --csv > points.csv      the latest sweep's points
  sweep serve                           a coordinator that stays
  sweep agent --slots 2                 work for it

Ids look like s3 (a sweep) and j17 (a job). Without an id the latest sweep is meant.

{CODES_HELP}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {} has no help", command.get_name(), arg.get_id());
            }
        }
    }
}
