//! Setting aside, and taking up again. A sweep's pause is a flag: nothing of it is granted. A job's is a state of the job.
//! Live attempts are told to stop with a checkpoint; what they still finish counts.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::JobState;

use super::moves::write_jobs;
use super::target::{Open, is_already, open};
use super::{Command, StoreError, Target, Tx, graph};
use crate::transition::JobEvent;

/// What attempts are told that must stop for it.
pub const PAUSED: &str = "paused";

/// Sets aside.
#[derive(Debug, Clone)]
pub struct Pause {
    pub target: Target,
    /// Who wants it.
    pub actor: String,
}

impl Command for Pause {
    /// How many open jobs this concerns; 0 where it was so before.
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let (sweep, jobs) = open(tx, self.target).await?;
        match self.target {
            Target::Sweep(_) => {
                if !pause_sweep(tx, sweep, "").await? {
                    return Ok(0);
                }
                tx.note_user(&self.actor, "pause", sweep, None, "");
            }
            Target::Job(job) => {
                if is_already(self.target, &jobs, JobState::Paused) {
                    return Ok(0);
                }
                tx.note_user(&self.actor, "pause", sweep, Some(job), "");
                let mut step = jobs[0].step(JobEvent::Pause)?;
                step.message = Some(format!("paused by {}", self.actor));
                write_jobs(tx, &[step]).await?;
            }
        }
        interrupt(tx, &jobs);
        Ok(jobs.len() as u32)
    }
}

/// Sets the flag; whether it was not set before. `reason` is empty for a user's wish.
pub(super) async fn pause_sweep(tx: &mut Tx<'_>, sweep: SweepId, reason: &str) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE sweeps SET paused = 1, paused_reason = ? WHERE id = ? AND state = 'active' AND paused = 0",
        reason,
        sweep.0
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    tx.changes.sweeps.insert(sweep);
    Ok(done == 1)
}

/// Has the live attempts of these jobs told to stop.
pub(super) fn interrupt(tx: &mut Tx<'_>, jobs: &[Open]) {
    let live = jobs.iter().filter(|open| open.live);
    tx.changes.interrupted.extend(live.map(|open| (open.id, PAUSED.to_owned())));
}

/// Takes up again.
#[derive(Debug, Clone)]
pub struct Resume {
    pub target: Target,
    /// Who wants it.
    pub actor: String,
}

impl Command for Resume {
    /// How many open jobs this concerns; 0 where nothing was paused.
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let (sweep, jobs) = open(tx, self.target).await?;
        match self.target {
            Target::Sweep(_) => {
                if !resume_sweep(tx, sweep).await? {
                    return Ok(0);
                }
                tx.note_user(&self.actor, "resume", sweep, None, "");
            }
            Target::Job(job) => {
                if !is_already(self.target, &jobs, JobState::Paused) {
                    return not_paused(tx, sweep, job).await;
                }
                tx.note_user(&self.actor, "resume", sweep, Some(job), "");
                let inputs_succeeded = graph::fed(tx, &[job.0]).await?.contains(&job.0);
                let step = jobs[0].step(JobEvent::Resume { live: jobs[0].live, inputs_succeeded })?;
                write_jobs(tx, &[step]).await?;
            }
        }
        tx.changes.ready = true;
        let resumed = not_set_aside(tx, sweep, self.target, jobs.iter().filter(|open| open.live)).await?;
        tx.changes.resumed.extend(resumed);
        Ok(jobs.len() as u32)
    }
}

/// Of these jobs, whose attempts live, those that are not set aside in the other way, too: a job of a sweep that was resumed
/// may be paused itself, and the sweep of one that was resumed may be.
async fn not_set_aside(
    tx: &mut Tx<'_>,
    sweep: SweepId,
    target: Target,
    live: impl Iterator<Item = &Open>,
) -> Result<Vec<JobId>, StoreError> {
    match target {
        Target::Sweep(_) => Ok(live.filter(|open| open.job.state != JobState::Paused).map(|open| open.id).collect()),
        Target::Job(_) if is_paused(tx, sweep).await? => Ok(Vec::new()),
        Target::Job(_) => Ok(live.map(|open| open.id).collect()),
    }
}

async fn is_paused(tx: &mut Tx<'_>, sweep: SweepId) -> Result<bool, StoreError> {
    let paused = sqlx::query_scalar!(r#"SELECT paused AS "paused!: bool" FROM sweeps WHERE id = ?"#, sweep.0)
        .fetch_one(&mut *tx.conn)
        .await?;
    Ok(paused)
}

/// Clears the flag; whether it was set. A budget that was spent no longer holds the sweep back.
async fn resume_sweep(tx: &mut Tx<'_>, sweep: SweepId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE sweeps SET paused = 0, paused_reason = '', budget_waived = max(budget_waived, paused_reason <> '')
         WHERE id = ? AND paused = 1",
        sweep.0
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    tx.changes.sweeps.insert(sweep);
    Ok(done == 1)
}

async fn not_paused(tx: &mut Tx<'_>, sweep: SweepId, job: JobId) -> Result<u32, StoreError> {
    if !is_paused(tx, sweep).await? {
        return Ok(0);
    }
    let words = format!("job {job} is not paused by itself, but its sweep {sweep} is: resume {sweep}");
    Err(StoreError::Refused(words))
}
