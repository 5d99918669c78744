//! One file per command: what it takes, what it does, and how it ends.
//!
//! A command gets the [`Context`] and its own arguments and returns an [`Exit`](crate::exit::Exit). Those that run or watch
//! a sweep share `ending` (what is said once it is over) and `submission` (how a plan reaches a coordinator).

mod agent;
mod agents;
mod cancel;
mod check;
mod completions;
mod config;
mod db;
mod ending;
mod events;
mod explain;
mod export;
mod gc;
mod init;
mod list;
mod local;
mod login;
mod logout;
mod logs;
mod model;
mod notify;
mod page;
mod pause;
mod priority;
mod results;
mod resume;
mod retry;
mod running;
mod serve;
mod status;
mod submission;
mod submit;
mod tokens;
mod users;
mod wait;
mod waiting;
mod watch;
mod whoami;

pub use agents::presence;
use clap::Subcommand;
pub use status::unix_ms;

use crate::context::Context;
use crate::exit::Outcome;

/// Said where a command changed or showed the stored state with nobody there to go on with it.
const NOBODY_WORKS: &str =
    "nobody works on it now: run `sweep local PLAN` again, or start `sweep serve` and `sweep agent`";

/// Everything `sweep` can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a plan to begin with
    Init(init::Args),
    /// Run a plan on this machine, to the end; again: continue, or show what came out
    Local(local::Args),
    /// Show what a plan comes to, or what is wrong with it, without running anything
    Check(check::Args),
    /// Hand a plan to the running coordinator
    Submit(submit::Args),
    /// Show how a sweep and its jobs stand, or a job and the attempts at it
    Status(status::Args),
    /// Tell why a job waits, and what happens next
    Explain(explain::Args),
    /// Watch a sweep until it is over; leaving does not stop it
    Watch(watch::Args),
    /// Wait until a sweep or a job is over, for scripts; the exit code tells how it ended
    Wait(wait::Args),
    /// Print what a job wrote
    Logs(logs::Args),
    /// Show the measured points of a sweep: accuracy, size, latency, files
    Results(results::Args),
    /// Write a point's network as files for other programs: a state dict for PyTorch, ONNX
    Export(export::Args),
    /// List the newest sweeps
    List(list::Args),
    /// Set a sweep or a job aside; what runs writes a checkpoint and stops
    Pause(pause::Args),
    /// Go on with what was paused
    Resume(resume::Args),
    /// Let a sweep or a job go before others, or after them
    Priority(priority::Args),
    /// Cancel a sweep or a job
    Cancel(cancel::Args),
    /// Give failed, cancelled and skipped jobs another attempt
    Retry(retry::Args),
    /// Show the audit log: who did what, and what became of it
    Events(events::Args),
    /// Run a coordinator that stays, for agents and users to connect to
    Serve(serve::Args),
    /// Run jobs on this machine for a coordinator
    Agent(agent::Args),
    /// List the agents that the coordinator knows; let one join, have one leave, throw one out
    Agents(agents::Args),
    /// Keep a token for a coordinator, so that commands mean it from now on
    Login(login::Args),
    /// Forget it
    Logout(logout::Args),
    /// Show who one is to the coordinator
    Whoami(whoami::Args),
    /// Make, list and revoke tokens, with which users come in
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// Add, list, change and remove users
    #[command(subcommand)]
    Users(users::Command),
    /// Try whether notices arrive; show what people were told, and what waits
    #[command(subcommand)]
    Notify(notify::Command),
    /// Print a link that opens the status page, signed in
    Page(page::Args),
    /// Look at the networks that plans can name
    #[command(subcommand)]
    Model(model::Command),
    /// Let go of checkpoints, logs and files that are not kept any more
    Gc(gc::Args),
    /// Check the database, copy it, or put a copy back
    #[command(subcommand)]
    Db(db::Command),
    /// Show the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// Runs the command; only those that talk to a coordinator need the asynchronous runtime.
pub fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Init(args) => init::run(context, args),
        Command::Config(command) => config::run(context, command),
        Command::Completions(args) => completions::run(args),
        Command::Logout(args) => logout::run(context, args),
        Command::Model(command) => model::run(context, command),
        connected => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(run_connected(context, connected))
        }
    }
}

async fn run_connected(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Local(args) => local::run(context, args).await,
        Command::Check(args) => check::run(context, args).await,
        Command::Submit(args) => submit::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Explain(args) => explain::run(context, args).await,
        Command::Watch(args) => watch::run(context, args).await,
        Command::Wait(args) => wait::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Results(args) => results::run(context, args).await,
        Command::Export(args) => export::run(context, args).await,
        Command::List(args) => list::run(context, args).await,
        Command::Pause(args) => pause::run(context, args).await,
        Command::Resume(args) => resume::run(context, args).await,
        Command::Priority(args) => priority::run(context, args).await,
        Command::Cancel(args) => cancel::run(context, args).await,
        Command::Retry(args) => retry::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Agent(args) => agent::run(context, args).await,
        Command::Agents(args) => agents::run(context, args).await,
        Command::Login(args) => login::run(context, args).await,
        Command::Whoami(args) => whoami::run(context, args).await,
        Command::Tokens(command) => tokens::run(context, command).await,
        Command::Users(command) => users::run(context, command).await,
        Command::Notify(command) => notify::run(context, command).await,
        Command::Page(args) => page::run(context, args).await,
        Command::Gc(args) => gc::run(context, args).await,
        Command::Db(command) => db::run(context, command).await,
        Command::Init(_) | Command::Config(_) | Command::Completions(_) | Command::Logout(_) | Command::Model(_) => {
            unreachable!("run without a runtime")
        }
    }
}
