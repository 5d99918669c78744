//! A user's cancel: terminal at once. Runners that live are killed afterwards; their agents' reports no longer count.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::{JobState, SweepState};

use super::ledger::word;
use super::moves::{JobMove, write_jobs};
use super::{Command, StoreError, Tx, graph, sweeps};
use crate::transition::{Job, JobEvent, next_job};

/// What is to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// All its jobs that have not ended.
    Sweep(SweepId),
    /// One job; what reads it is skipped.
    Job(JobId),
}

/// An open job.
struct Open {
    id: JobId,
    sweep: SweepId,
    state: JobState,
    attempt: u32,
    failures: u32,
    losses: u32,
}

impl Command for Cancel {
    /// How many jobs this cancelled.
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        match self {
            Self::Sweep(sweep) => {
                let state = sweeps::state(tx, sweep).await?;
                if state != SweepState::Active {
                    return Err(StoreError::Refused(format!("sweep {sweep} is {state} already")));
                }
                tx.note_user("cancel", sweep, None, "");
                let open = open_of_sweep(tx, sweep).await?;
                let changed = cancel(tx, open).await?;
                sweeps::set_state(tx, sweep, SweepState::Active, SweepState::Cancelled).await?;
                Ok(changed)
            }
            Self::Job(job) => {
                let open = open_job(tx, job).await?;
                let sweep = open.sweep;
                tx.note_user("cancel", sweep, Some(job), "");
                let changed = cancel(tx, vec![open]).await?;
                graph::skip(tx, &[job]).await?;
                sweeps::end(tx, &[sweep].into()).await?;
                Ok(changed)
            }
        }
    }
}

async fn cancel(tx: &mut Tx<'_>, open: Vec<Open>) -> Result<u32, StoreError> {
    let mut moves = Vec::with_capacity(open.len());
    for Open { id, sweep, state, attempt, failures, losses } in open {
        let step = next_job(Job { state, failures, losses, retries: 0 }, JobEvent::Cancel)?;
        moves.push(JobMove::new(id, sweep, state, attempt, step));
    }
    write_jobs(tx, &moves).await?;
    tx.changes.cancelled.extend(moves.iter().map(|step| step.id));
    Ok(moves.len() as u32)
}

async fn open_of_sweep(tx: &mut Tx<'_>, sweep: SweepId) -> Result<Vec<Open>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, state, attempt, failures, losses FROM jobs
         WHERE sweep = ? AND state IN ('blocked', 'ready', 'running', 'paused') ORDER BY id",
        sweep.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut open = Vec::with_capacity(rows.len());
    for row in rows {
        let (attempt, failures, losses) = (row.attempt as u32, row.failures as u32, row.losses as u32);
        open.push(Open { id: JobId(row.id), sweep, state: word(&row.state)?, attempt, failures, losses });
    }
    Ok(open)
}

async fn open_job(tx: &mut Tx<'_>, job: JobId) -> Result<Open, StoreError> {
    let row = sqlx::query!("SELECT sweep, state, attempt, failures, losses FROM jobs WHERE id = ?", job.0)
        .fetch_optional(&mut *tx.conn)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("job {job}")))?;
    let state: JobState = word(&row.state)?;
    if state.is_terminal() {
        return Err(StoreError::Refused(format!("job {job} is {state} already")));
    }
    let (attempt, failures, losses) = (row.attempt as u32, row.failures as u32, row.losses as u32);
    Ok(Open { id: job, sweep: SweepId(row.sweep), state, attempt, failures, losses })
}
