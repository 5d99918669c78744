//! `sweep db check | backup | backups | restore`: the database of SWEEP_HOME as a file. These work on the files themselves, with a
//! coordinator or without, so they are run on its machine.

mod backup;
mod backups;
mod check;
mod place;
mod restore;

use sweep_coordinator::upkeep::UpkeepError;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome, disk_full_hint};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell whether the database is sound and the files that it names are there
    Check(check::Args),
    /// Copy the database into a file or a bucket, also while a coordinator runs
    Backup(backup::Args),
    /// List the backups in a bucket
    Backups(backups::Args),
    /// Put a backup in the database's place; no coordinator may run
    Restore(restore::Args),
}

pub async fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Check(args) => check::run(context, args).await,
        Command::Backup(args) => backup::run(context, args).await,
        Command::Backups(args) => backups::run(context, args).await,
        Command::Restore(args) => restore::run(context, args).await,
    }
}

/// This moment, as part of a name: such names stand in the order of time.
fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// What to do about it, and the exit code.
fn failure(error: UpkeepError) -> Failure {
    use UpkeepError as E;
    let full = error.is_disk_full();
    let (exit, hint) = match &error {
        E::Missing { .. } => {
            (Exit::Usage, Some("`sweep db` is run on the machine that has SWEEP_HOME; --home names another".to_owned()))
        }
        E::Exists { .. } => (Exit::Usage, Some("name another file, or replace it with --force".to_owned())),
        E::Foreign { .. } => (Exit::Usage, Some("a backup is what `sweep db backup FILE` writes".to_owned())),
        E::Newer { .. } => (Exit::Usage, None),
        E::Files { path, .. } | E::Database { path, .. } if full => (Exit::Internal, Some(disk_full_hint(path))),
        E::Files { .. } => (Exit::Usage, None),
        E::Damaged { .. } => (
            Exit::Internal,
            Some("`sweep db check --full` says what is left; put a backup back with `sweep db restore`".to_owned()),
        ),
        E::Home(sweep_coordinator::HomeError::Locked { .. }) => (
            Exit::Unreachable,
            Some("stop it first (`sweep serve`, `sweep local`); agents may go on, and come back to it".to_owned()),
        ),
        E::Home(_) => (Exit::Usage, None),
        E::Bucket(error) if place::is_away(error) => (Exit::Unreachable, None),
        E::Bucket(_) => (Exit::Usage, None),
        E::Database { .. } | E::Open(_) => (Exit::Internal, None),
    };
    let failure = Failure::from(error).exit(exit);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
