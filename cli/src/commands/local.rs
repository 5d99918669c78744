//! `sweep local PLAN`: coordinator, database and agent in this process, for one plan, to its end.
//!
//! Usually this process holds SWEEP_HOME and does the work (`host`). Where another process holds it already, the plan is
//! handed to that one and watched (`guest`); should it go away before the end, this process takes over.

mod guest;
mod host;

use std::path::PathBuf;
use std::time::Duration;

use sweep_shared::ids::SweepId;

use super::submission::Choice;
use crate::connect::{Started, start_inside};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::plan_files::{self, PlanFile};
use crate::settings::Origin;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Nothing has to be set up. State, models and results are kept in SWEEP_HOME (--home), so the same command \
continues after Ctrl-C, a crash or a power cut, and shows the results once all is done.

Ctrl-C stops in good order: running jobs write a checkpoint. Twice: at once, from the last checkpoint.

Examples:
  sweep local plan.yaml
  sweep local plan.yaml --slots 2         two jobs at once
  sweep local plan.yaml --retry-failed    give what failed another attempt";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The plan (YAML); - reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
    /// Jobs to run at once, per GPU where there are GPUs [default: 1; env: SWEEP_SLOTS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots: Option<u32>,
    /// Give failed jobs of an earlier run of this plan another attempt
    #[arg(long)]
    retry_failed: bool,
    /// Begin anew and do all the work, even where an earlier run did the same
    #[arg(long, conflicts_with = "retry_failed")]
    no_reuse: bool,
}

/// What `host` and `guest` work on.
struct Errand<'a> {
    context: &'a Context,
    plan: PlanFile,
    choice: Choice,
    signals: Signals,
    /// Known once the plan was handed over, to whomever.
    sweep: Option<SweepId>,
    /// The command that would continue or retry.
    command: String,
}

/// The home is held, but whoever holds it does not answer: starting or stopping, most likely.
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

pub async fn run(context: &Context, args: Args) -> Outcome {
    if let Origin::Flag(flag) = context.settings.coordinator.origin {
        return Err(Failure::usage(format!("`sweep local` runs on this machine and takes no {flag}"))
            .hint("`sweep submit PLAN --watch` hands a plan to another coordinator"));
    }
    let plan = plan_files::read(&args.plan)?;
    let choice =
        Choice { no_reuse: args.no_reuse, continue_same: !args.no_reuse, retry_failed: args.retry_failed, amend: None };
    let command = format!("sweep local {}", args.plan.display());
    let mut errand = Errand { context, plan, choice, signals: Signals::listen()?, sweep: None, command };
    for _ in 0..TRIES {
        match start_inside(context, true).await? {
            Started::Here(running) => return host::run(errand, running).await,
            Started::Elsewhere => {
                if let Some(exit) = guest::run(&mut errand).await? {
                    return Ok(exit);
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_TRIES) => {}
            () = errand.signals.next() => return Ok(Exit::Interrupted),
        }
    }
    let home = context.settings.home.value.display();
    Err(Failure::unreachable(format!("another process holds {home}, but no coordinator answers there"))
        .hint("wait until it has stopped, or use another --home"))
}
