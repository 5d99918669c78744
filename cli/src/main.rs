//! The command line of `sweep`, and the only place that joins coordinator and agent (`sweep local`).
//!
//! A call goes: arguments (`args`) → settings, validated (`settings`) → one file of `commands/` → an [`exit::Exit`].
//! Commands reach a coordinator through `connect`, see its answers as the types of `answer`, show a running sweep
//! through `progress` (or `screen`, the whole of it) and its points through `results`.

mod answer;
mod args;
mod check;
mod commands;
mod connect;
mod context;
mod exit;
mod fleet;
mod follow;
mod logging;
mod mistake;
mod moment;
mod naming;
mod onnx_file;
mod output;
mod paint;
mod plan_files;
mod progress;
#[cfg(test)]
mod reference;
mod results;
mod screen;
mod service;
mod settings;
mod signals;
#[cfg(test)]
mod snapshot;
mod terminal;
mod whole_file;

use std::ffi::OsString;
use std::process::ExitCode;

use args::Cli;
use context::Context;
use exit::{Exit, Failure, Outcome};
use progress::Stream;
use sweep_shared::words as format;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    paint::choose(args::colours(&arguments));
    let cli = match args::parse(&arguments) {
        Ok(cli) => cli,
        Err(answer) => return ExitCode::from(args::answer(&answer, &arguments).code()),
    };
    let json = cli.global.json;
    let outcome = std::panic::catch_unwind(|| run(cli)).unwrap_or_else(|_| Err(panicked()));
    let exit = outcome.unwrap_or_else(|failure| {
        output::note(&if json {
            failure.json()
        } else {
            failure.painted(paint::err(), terminal::width_of(Stream::Stderr))
        });
        failure.exit
    });
    ExitCode::from(exit.code())
}

fn run(cli: Cli) -> Outcome {
    logging::start(&cli.global);
    let context = Context::new(&cli)?;
    commands::run(&context, cli.command)
}

/// The panic's own message is on standard error already.
fn panicked() -> Failure {
    Failure::internal("sweep ran into a mistake of its own; the state on disk is kept")
        .hint("please report it with the lines above")
        .exit(Exit::Internal)
}
