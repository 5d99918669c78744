//! Looking, deciding and doing.

use std::fs;
use std::io;
use std::path::Path;

use sweep_shared::ids::SweepId;

use super::{Facts, Log, Retention, Thing, Verdict, decide};
use crate::artifacts::{Artifacts, collect};
use crate::home::Home;
use crate::results;
use crate::store::{Retire, Store, StoreError, read};

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Order {
    pub retention: Retention,
    /// `None`: all sweeps.
    pub sweep: Option<SweepId>,
    /// Only look.
    pub dry_run: bool,
    pub actor: String,
}

/// What was, or would be, done.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub verdicts: Vec<Verdict>,
    /// Blobs that nobody names any more and that were deleted by it, or before it.
    pub collected: usize,
}

/// Finds what the policy does not keep, and lets go of it unless this is only a look: rows first, in one commit with their notes in
/// the audit log, and then the files.
pub async fn carry_out(
    store: &Store,
    artifacts: &Artifacts,
    home: &Home,
    now_ms: i64,
    order: &Order,
) -> Result<Outcome, StoreError> {
    let facts = look(store, home, now_ms, order.sweep).await?;
    let verdicts = decide(&facts, &order.retention);
    if order.dry_run {
        return Ok(Outcome { verdicts, collected: 0 });
    }
    if verdicts.is_empty() {
        return Ok(Outcome::default());
    }
    let points: Vec<_> = verdicts.iter().filter(|verdict| matches!(verdict.thing, Thing::Points(_))).collect();
    let names = results::names(store, home, &points.iter().map(|verdict| verdict.job).collect::<Vec<_>>()).await?;
    let retired = store.write(Retire { verdicts, actor: order.actor.clone() }).await?;
    for verdict in &retired {
        if let Thing::Logs(logs) = &verdict.thing {
            for log in logs {
                remove(&home.log(verdict.job, log.attempt));
            }
        }
        if let Thing::Points(_) = &verdict.thing {
            names.get(&verdict.job).into_iter().flatten().for_each(|name| remove(name));
        }
    }
    let collected = collect(artifacts, store).await?;
    Ok(Outcome { verdicts: retired, collected })
}

async fn look(store: &Store, home: &Home, now_ms: i64, sweep: Option<SweepId>) -> Result<Facts, StoreError> {
    let mut facts = read::retention_facts(store, now_ms, sweep).await?;
    let home = home.clone();
    let looked = tokio::task::spawn_blocking(move || {
        for job in &mut facts.jobs {
            let folder = home.log(job.job, 1);
            job.logs = logs(folder.parent().unwrap_or(home.root()));
        }
        facts
    });
    looked.await.map_err(|error| StoreError::Refused(format!("the logs could not be looked at: {error}")))
}

/// What lies in a job's folder of logs.
fn logs(folder: &Path) -> Vec<Log> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let log = |entry: fs::DirEntry| {
        let attempt = entry.path().file_stem()?.to_str()?.parse().ok()?;
        Some(Log { attempt, bytes: entry.metadata().ok()?.len() })
    };
    let mut logs: Vec<Log> = entries.filter_map(log).collect();
    logs.sort_by_key(|log| log.attempt);
    logs
}

/// The folder goes with its last file.
fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a file that is not kept could not be deleted");
        }
        _ => {
            let _others_are_left = path.parent().map(fs::remove_dir);
        }
    }
}
