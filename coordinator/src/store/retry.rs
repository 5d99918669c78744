//! A user's retry: the only way out of `failed`, `cancelled`, `skipped` and `stopped`.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::{JobState, SweepState};

use super::audit::json;
use super::ledger::word;
use super::moves::{JobMove, write_jobs};
use super::{Command, StoreError, Target, Tx, graph, sweeps};
use crate::transition::{Job, JobEvent, next_job};

/// Brings back a job, and what was skipped because of it; or all of a sweep that ended without success.
#[derive(Debug, Clone)]
pub struct Retry {
    pub target: Target,
    /// Who wants it.
    pub actor: String,
}

/// An ended job.
pub(super) struct Ended {
    pub id: i64,
    pub state: String,
    /// The number of its newest attempt.
    pub attempt: i64,
}

impl Command for Retry {
    /// How many jobs this brought back.
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let (sweep, ended) = match self.target {
            Target::Sweep(sweep) => {
                sweeps::state(tx, sweep).await?;
                (sweep, of_sweep(tx, sweep).await?)
            }
            Target::Job(job) => (retryable(tx, job).await?, with_skipped(tx, job).await?),
        };
        tx.note_user(&self.actor, "retry", sweep, self.target.job(), "");
        again(tx, sweep, ended).await
    }
}

/// Brings the jobs back: first all to blocked, then those to ready whose inputs are there.
pub(super) async fn again_all(tx: &mut Tx<'_>, sweep: SweepId) -> Result<u32, StoreError> {
    let ended = of_sweep(tx, sweep).await?;
    again(tx, sweep, ended).await
}

/// Brings these back.
pub(super) async fn again(tx: &mut Tx<'_>, sweep: SweepId, ended: Vec<Ended>) -> Result<u32, StoreError> {
    if ended.is_empty() {
        return Ok(0);
    }
    let was = sweeps::state(tx, sweep).await?;
    if was != SweepState::Active {
        sweeps::set_state(tx, sweep, was, SweepState::Active).await?;
    }
    let ids: Vec<i64> = ended.iter().map(|job| job.id).collect();
    let fed = graph::fed(tx, &ids).await?;
    let mut moves = Vec::with_capacity(ended.len());
    for Ended { id, state, attempt } in ended {
        let state: JobState = word(&state)?;
        let event = JobEvent::Retry { inputs_succeeded: fed.contains(&id) };
        let step = next_job(Job { state, failures: 0, losses: 0, retries: 0, most_losses: 0 }, event)?;
        moves.push(JobMove::new(JobId(id), sweep, state, attempt as u32, step));
    }
    write_jobs(tx, &moves).await?;
    let rows = json(&ids);
    // It begins anew: its hours, with whole batches, on any device.
    sqlx::query!(
        r#"UPDATE jobs SET hours_from = attempt, micro_batches = 1, remedies = 0, outgrown = NULL, outgrown_bytes = 0,
                memory_bytes = coalesce(m.needs ->> '$."1"[0]', memory_bytes),
                cuda_bytes = coalesce(m.needs ->> '$."1"[1]', cuda_bytes)
           FROM (SELECT t.value AS id, s.needs_json AS needs FROM json_each(?1) t JOIN job_specs s ON s.job = t.value) AS m
           WHERE jobs.id = m.id"#,
        rows
    )
    .execute(&mut *tx.conn)
    .await?;
    skip_hopeless(tx, sweep).await?;
    Ok(moves.len() as u32)
}

/// A job may wait for one that failed and was not brought back with it.
pub(super) async fn skip_hopeless(tx: &mut Tx<'_>, sweep: SweepId) -> Result<(), StoreError> {
    let hopeless = hopeless(tx, sweep).await?;
    graph::skip(tx, &hopeless).await
}

async fn of_sweep(tx: &mut Tx<'_>, sweep: SweepId) -> Result<Vec<Ended>, StoreError> {
    let ended = sqlx::query_as!(
        Ended,
        "SELECT id, state, attempt FROM jobs
         WHERE sweep = ? AND dropped = 0 AND state IN ('failed', 'cancelled', 'skipped', 'stopped') ORDER BY id",
        sweep.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    Ok(ended)
}

/// The job's sweep, where the job can be tried again.
async fn retryable(tx: &mut Tx<'_>, job: JobId) -> Result<SweepId, StoreError> {
    let row = sqlx::query!(r#"SELECT sweep, state, dropped AS "dropped!: bool" FROM jobs WHERE id = ?"#, job.0)
        .fetch_optional(&mut *tx.conn)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("job {job}")))?;
    let state: JobState = word(&row.state)?;
    if row.dropped {
        return Err(StoreError::Refused(format!("job {job} is not in its sweep's amended plan any more")));
    }
    if !state.is_terminal() || state == JobState::Succeeded {
        return Err(StoreError::Refused(format!("job {job} is {state}: there is nothing to retry")));
    }
    let culprit = sqlx::query_scalar!(
        "SELECT f.id FROM job_inputs k JOIN jobs f ON f.id = k.source
         WHERE k.job = ? AND f.state IN ('failed', 'cancelled', 'skipped', 'stopped') LIMIT 1",
        job.0
    )
    .fetch_optional(&mut *tx.conn)
    .await?;
    match culprit {
        Some(input) => {
            let input = JobId(input);
            Err(StoreError::Refused(format!("job {job} needs job {input}, which did not succeed: retry {input}")))
        }
        None => Ok(SweepId(row.sweep)),
    }
}

/// The job, and everything that was skipped because of it.
async fn with_skipped(tx: &mut Tx<'_>, job: JobId) -> Result<Vec<Ended>, StoreError> {
    let ended = sqlx::query_as!(
        Ended,
        r#"WITH RECURSIVE below (job) AS (
               SELECT ?1
               UNION
               SELECT i.job FROM below b JOIN job_inputs i ON i.source = b.job)
           SELECT j.id AS "id!: i64", j.state AS "state!: String", j.attempt AS "attempt!: i64"
           FROM below JOIN jobs j ON j.id = below.job
           WHERE j.id = ?1 OR (j.state = 'skipped' AND j.dropped = 0)
           ORDER BY j.id"#,
        job.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    Ok(ended)
}

/// Jobs of the sweep that ended without success while others wait for them.
async fn hopeless(tx: &mut Tx<'_>, sweep: SweepId) -> Result<Vec<JobId>, StoreError> {
    let rows = sqlx::query_scalar!(
        "SELECT DISTINCT f.id FROM jobs f JOIN job_inputs i ON i.source = f.id JOIN jobs j ON j.id = i.job
         WHERE f.sweep = ? AND f.state IN ('failed', 'cancelled', 'skipped', 'stopped') AND j.state IN ('blocked', 'paused')",
        sweep.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    Ok(rows.into_iter().map(JobId).collect())
}
