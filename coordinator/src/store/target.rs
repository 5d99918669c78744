//! The jobs that a user's command concerns, as they are now.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::{JobState, SweepState};

use super::ledger::word;
use super::moves::JobMove;
use super::{StoreError, Tx, sweeps};
use crate::transition::{Job, JobEvent, Refusal, next_job};

/// What a user's command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// All its jobs that the command can concern.
    Sweep(SweepId),
    Job(JobId),
}

impl From<SweepId> for Target {
    fn from(sweep: SweepId) -> Self {
        Self::Sweep(sweep)
    }
}

impl From<JobId> for Target {
    fn from(job: JobId) -> Self {
        Self::Job(job)
    }
}

impl Target {
    /// For the audit log.
    pub(super) fn job(self) -> Option<JobId> {
        match self {
            Self::Sweep(_) => None,
            Self::Job(job) => Some(job),
        }
    }
}

/// A job that has not ended.
pub(super) struct Open {
    pub id: JobId,
    pub sweep: SweepId,
    pub job: Job,
    /// The number of its newest attempt.
    pub attempt: u32,
    /// That attempt lives, and counts for the job.
    pub live: bool,
}

impl Open {
    /// What becomes of it.
    pub fn step(&self, event: JobEvent) -> Result<JobMove, Refusal> {
        Ok(JobMove::new(self.id, self.sweep, self.job.state, self.attempt, next_job(self.job, event)?))
    }
}

/// The target's jobs that have not ended. A job that has, and a sweep that is not active, are refused in words.
pub(super) async fn open(tx: &mut Tx<'_>, target: Target) -> Result<(SweepId, Vec<Open>), StoreError> {
    match target {
        Target::Sweep(sweep) => {
            let state = sweeps::state(tx, sweep).await?;
            if state != SweepState::Active {
                return Err(StoreError::Refused(format!("sweep {sweep} is {state} already")));
            }
            Ok((sweep, find(tx, Some(sweep), None).await?))
        }
        Target::Job(job) => {
            let jobs = find(tx, None, Some(job)).await?;
            let state = jobs.first().ok_or_else(|| StoreError::Unknown(format!("job {job}")))?.job.state;
            if state.is_terminal() {
                return Err(StoreError::Refused(format!("job {job} is {state} already")));
            }
            Ok((jobs[0].sweep, jobs))
        }
    }
}

/// The job, where it has not ended.
pub(super) async fn open_by_id(tx: &mut Tx<'_>, job: JobId) -> Result<Option<Open>, StoreError> {
    Ok(find(tx, None, Some(job)).await?.into_iter().find(|open| !open.job.state.is_terminal()))
}

/// The open jobs of a sweep, or one job whatever its state.
async fn find(tx: &mut Tx<'_>, sweep: Option<SweepId>, job: Option<JobId>) -> Result<Vec<Open>, StoreError> {
    let (sweep, job) = (sweep.map(|sweep| sweep.0), job.map(|job| job.0));
    let rows = sqlx::query!(
        r#"SELECT j.id, j.sweep, j.state, j.attempt, j.failures, j.losses, j.retries, j.most_losses,
                  EXISTS (SELECT 1 FROM attempts a WHERE a.job = j.id AND a.number = j.attempt
                          AND a.finished_ms IS NULL AND a.unwanted = 0) AS "live!: bool"
           FROM jobs j
           WHERE j.id = ?2 OR (j.sweep = ?1 AND j.state IN ('blocked', 'ready', 'running', 'paused'))
           ORDER BY j.id"#,
        sweep,
        job
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut open = Vec::with_capacity(rows.len());
    for row in rows {
        let job = Job {
            state: word(&row.state)?,
            failures: row.failures as u32,
            losses: row.losses as u32,
            retries: row.retries as u32,
            most_losses: row.most_losses as u32,
        };
        let (id, sweep, attempt) = (JobId(row.id), SweepId(row.sweep), row.attempt as u32);
        open.push(Open { id, sweep, job, attempt, live: row.live });
    }
    Ok(open)
}

/// Whether the user's wish is no news: the job is in that state already.
pub(super) fn is_already(target: Target, open: &[Open], state: JobState) -> bool {
    matches!(target, Target::Job(_)) && open.iter().all(|open| open.job.state == state)
}
