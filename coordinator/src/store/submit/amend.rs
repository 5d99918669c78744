//! A sweep takes another plan. By their keys: what both plans have goes on as it is, what is new is added, and what only the
//! old one had is dropped: it no longer counts, and what of it has not ended is cancelled.

use std::collections::{HashMap, HashSet};

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::{JobState, SweepState};

use super::super::audit::json;
use super::super::cancel::cancel;
use super::super::ledger::word;
use super::super::retry::{self, Ended};
use super::super::target::{Open, Target, open};
use super::super::{priority, sweeps};
use super::reuse::{self, Own, Taken};
use super::{StoreError, Submit, Submitted, Tx, insert, policy};

/// What a dropped job that had not ended says, and by which it is known again when a later plan has it.
const DROPPED: &str = "not in the amended plan";

/// A job that the sweep has already.
struct Known {
    id: JobId,
    state: JobState,
    attempt: i64,
    inputs_digest: String,
    dropped: bool,
    /// An amended plan without it ended it.
    by_drop: bool,
}

pub async fn amend(tx: &mut Tx<'_>, sweep: SweepId, new: Submit) -> Result<Submitted, StoreError> {
    if sweeps::state(tx, sweep).await? == SweepState::Cancelled {
        return Err(StoreError::Refused(format!("sweep {sweep} is cancelled: bring it back with a retry first")));
    }
    let known = known(tx, sweep).await?;
    let kept: Vec<Option<&Known>> = new.jobs.iter().map(|job| known.get(job.key.as_str())).collect();
    let keys: HashSet<&str> = new.jobs.iter().map(|job| job.key.as_str()).collect();
    let gone = known.iter().filter(|(key, job)| !job.dropped && !keys.contains(key.as_str()));
    let dropped = drop_jobs(tx, sweep, gone.map(|(_, job)| job.id).collect()).await?;

    let own: Vec<Own> = kept.iter().map(|job| job.map_or(Own::Nothing, Known::own)).collect();
    let results = reuse::find(tx, &new.jobs, &own, new.reuse).await?;
    let ids: Vec<Option<JobId>> = kept.iter().map(|job| job.map(|known| known.id)).collect();
    insert::replace_files(tx, sweep, &new.files).await?;
    policy::take(tx, sweep, &new).await?;
    let all = insert::jobs(tx, sweep, &new.jobs, &results, &ids).await?;
    let added: Vec<usize> = (0..all.len()).filter(|at| ids[*at].is_none()).collect();
    let reused: Vec<(JobId, JobId)> =
        added.iter().filter_map(|&at| Some((all[at], results[at].as_ref()?.job))).collect();
    reuse::copy_points(tx, &reused).await?;
    take_back(tx, sweep, &kept).await?;
    retry::skip_hopeless(tx, sweep).await?;
    priority::add_up(tx, sweep).await?;
    sweeps::settle(tx, sweep).await?;

    let (kept, added) = ((all.len() - added.len()) as u32, added.len() as u32);
    tx.note_user(&new.actor, "amend", sweep, None, format!("{kept} jobs kept, {added} added, {dropped} dropped"));
    tx.changes.sweeps.insert(sweep);
    tx.changes.ready = true;
    tx.changes.published.extend(reused.iter().map(|(job, _)| *job));
    let (jobs, reused) = (all.len() as u32, reused.len() as u32);
    Ok(Submitted { sweep, created: false, jobs, reused, kept, added, dropped })
}

impl Known {
    /// As those see it that read it.
    fn own(&self) -> Own {
        let inputs_digest = self.inputs_digest.clone();
        let taken = Taken { job: self.id, inputs_digest };
        if self.state == JobState::Succeeded { Own::Result(taken) } else { Own::Job }
    }
}

/// All jobs that the sweep ever had, by key.
async fn known(tx: &mut Tx<'_>, sweep: SweepId) -> Result<HashMap<String, Known>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, key, state, attempt, coalesce(inputs_digest, '') AS "inputs_digest!: String",
                  dropped AS "dropped!: bool", state = 'cancelled' AND message = ?2 AS "by_drop!: bool"
           FROM jobs WHERE sweep = ?1"#,
        sweep.0,
        DROPPED
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let job = Known {
            id: JobId(row.id),
            state: word(&row.state)?,
            attempt: row.attempt,
            inputs_digest: row.inputs_digest,
            dropped: row.dropped,
            by_drop: row.by_drop,
        };
        known.insert(row.key, job);
    }
    Ok(known)
}

/// Ends what of these has not ended, and has none of them count any more. How many they are.
async fn drop_jobs(tx: &mut Tx<'_>, sweep: SweepId, gone: HashSet<JobId>) -> Result<u32, StoreError> {
    if gone.is_empty() {
        return Ok(0);
    }
    if sweeps::state(tx, sweep).await? == SweepState::Active {
        let (_, jobs) = open(tx, Target::Sweep(sweep)).await?;
        let jobs: Vec<Open> = jobs.into_iter().filter(|open| gone.contains(&open.id)).collect();
        cancel(tx, jobs, DROPPED).await?;
    }
    let rows = json(&gone);
    sqlx::query!("UPDATE jobs SET dropped = 1 WHERE id IN (SELECT value FROM json_each(?))", rows)
        .execute(&mut *tx.conn)
        .await?;
    tx.changes.jobs.extend(gone.iter().map(|job| (sweep, *job)));
    Ok(gone.len() as u32)
}

/// Has those count again that an earlier plan had dropped, and brings back what that had ended.
async fn take_back(tx: &mut Tx<'_>, sweep: SweepId, kept: &[Option<&Known>]) -> Result<(), StoreError> {
    let back: Vec<&Known> = kept.iter().flatten().filter(|job| job.dropped).copied().collect();
    if back.is_empty() {
        return Ok(());
    }
    let rows = json(&back.iter().map(|job| job.id).collect::<Vec<_>>());
    sqlx::query!("UPDATE jobs SET dropped = 0 WHERE id IN (SELECT value FROM json_each(?))", rows)
        .execute(&mut *tx.conn)
        .await?;
    tx.changes.jobs.extend(back.iter().map(|job| (sweep, job.id)));
    let ended = back.iter().filter(|job| job.by_drop);
    let ended = ended.map(|job| Ended { id: job.id.0, state: job.state.to_string(), attempt: job.attempt });
    retry::again(tx, sweep, ended.collect()).await?;
    Ok(())
}
