//! The command line as clap sees it. What each command takes is declared beside the command.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory as _, Parser};

use crate::commands::Command;
use crate::exit::{CODES_HELP, Exit};
use crate::progress::Stream;
use crate::{mistake, output, paint, terminal};

/// Neural-network compression studies that survive closed sessions, crashes and full GPUs.
///
/// A plan (YAML) describes what to train, distil, prune, quantize and measure. `sweep local PLAN` runs it on this
/// machine; `sweep serve` and `sweep agent` spread it over several.
#[derive(Debug, Parser)]
#[command(name = "sweep", version, arg_required_else_help = true, max_term_width = 80, after_help = after_help())]
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
    /// When to use colours; auto heeds NO_COLOR, CLICOLOR_FORCE and pipes
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: paint::When,
    /// Tell more about what happens inside (-vv: still more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print results and errors only, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// What `--color` says, before anything else is understood: mistakes are told in colours, too.
pub fn colours(arguments: &[OsString]) -> paint::When {
    let said = arguments.iter().enumerate().find_map(|(at, argument)| {
        let text = argument.to_str()?;
        let next = || arguments.get(at + 1).and_then(|value| value.to_str()).map(str::to_owned);
        text.strip_prefix("--color=").map(str::to_owned).or_else(|| (text == "--color").then(next).flatten())
    });
    said.and_then(|when| clap::ValueEnum::from_str(&when, false).ok()).unwrap_or_default()
}

pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments)
}

/// Prints what clap answers itself: help, the version, or what is wrong with the command line.
pub fn answer(answer: &clap::Error, arguments: &[OsString]) -> Exit {
    let said = |pen: paint::Pen| {
        let text = answer.render();
        if pen.colours() { text.ansi().to_string() } else { text.to_string() }
    };
    if !answer.use_stderr() {
        // Nobody reading it is no error.
        let _ = output::print(&said(paint::out()));
        return Exit::Done;
    }
    if answer.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output::note(&said(paint::err()));
        return Exit::Usage;
    }
    let failure = mistake::failure(&said(paint::Pen::PLAIN), &mistake::command(&Cli::command(), arguments));
    let json = arguments.iter().any(|argument| argument == "--json");
    output::note(&if json {
        failure.json()
    } else {
        failure.painted(paint::err(), terminal::width_of(Stream::Stderr))
    });
    failure.exit
}

fn after_help() -> String {
    format!(
        "\
Examples:
  sweep init                            write a plan to begin with: plan.yaml
  sweep check plan.yaml                 what the plan comes to; runs nothing
  sweep local plan.yaml                 run it here; again: continue, or show what came out
  sweep results --csv > points.csv      the latest sweep's points
  sweep serve                           a coordinator that stays
  sweep agent --slots 2                 work for it

Ids look like s3 (a sweep) and j17 (a job). A sweep's name or the beginning of
it, and a stage of the latest sweep, will do as well where only one is meant.
Without an id the latest sweep is meant.

{CODES_HELP}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        fn look(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {} has no help", command.get_name(), arg.get_id());
            }
            command.get_subcommands().for_each(look);
        }
        Cli::command().get_subcommands().for_each(look);
    }

    fn arguments(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn colours_are_known_before_the_rest_is_understood() {
        use paint::When;
        let cases = [
            ("sweep lokal --color always", When::Always),
            ("sweep --color=never status", When::Never),
            ("sweep status", When::Auto),
            ("sweep --color", When::Auto),
            ("sweep --color=blue", When::Auto),
        ];
        for (line, when) in cases {
            assert_eq!(colours(&arguments(line)), when, "{line}");
        }
    }
}
