//! A user's retry: the only way out of `failed`, `cancelled`, `skipped` and `stopped`.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::{JobState, SweepState};

use super::audit::json;
use super::ledger::word;
use super::moves::{JobMove, write_jobs};
use super::{Command, StoreError, Tx, graph, sweeps};
use crate::transition::{Job, JobEvent, next_job};

/// What is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// All its jobs that ended without success.
    Sweep(SweepId),
    /// One job, and what was skipped because of it.
    Job(JobId),
}

/// An ended job.
struct Ended {
    id: i64,
    state: String,
    attempt: i64,
}

impl Command for Retry {
    /// How many jobs this brought back.
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let (sweep, ended) = match self {
            Self::Sweep(sweep) => {
                sweeps::state(tx, sweep).await?;
                tx.note_user("retry", sweep, None, "");
                (sweep, of_sweep(tx, sweep).await?)
            }
            Self::Job(job) => {
                let sweep = retryable(tx, job).await?;
                tx.note_user("retry", sweep, Some(job), "");
                (sweep, with_skipped(tx, job).await?)
            }
        };
        again(tx, sweep, ended).await
    }
}

/// Brings the jobs back: first all to blocked, then those to ready whose inputs are there.
pub(super) async fn again_all(tx: &mut Tx<'_>, sweep: SweepId) -> Result<u32, StoreError> {
    let ended = of_sweep(tx, sweep).await?;
    again(tx, sweep, ended).await
}

async fn again(tx: &mut Tx<'_>, sweep: SweepId, ended: Vec<Ended>) -> Result<u32, StoreError> {
    if ended.is_empty() {
        return Ok(0);
    }
    let was = sweeps::state(tx, sweep).await?;
    if was != SweepState::Active {
        sweeps::set_state(tx, sweep, was, SweepState::Active).await?;
    }
    let ids: Vec<i64> = ended.iter().map(|job| job.id).collect();
    let fed = with_inputs(tx, &ids).await?;
    let mut moves = Vec::with_capacity(ended.len());
    for Ended { id, state, attempt } in ended {
        let state: JobState = word(&state)?;
        let event = JobEvent::Retry { inputs_succeeded: fed.contains(&id) };
        let step = next_job(Job { state, failures: 0, losses: 0, retries: 0 }, event)?;
        moves.push(JobMove::new(JobId(id), sweep, state, attempt as u32, step));
    }
    write_jobs(tx, &moves).await?;
    // A job may be blocked by one that failed and was not brought back with it.
    let hopeless = hopeless(tx, sweep).await?;
    graph::skip(tx, &hopeless).await?;
    Ok(moves.len() as u32)
}

/// Those of the jobs whose inputs have all succeeded.
async fn with_inputs(tx: &mut Tx<'_>, jobs: &[i64]) -> Result<std::collections::HashSet<i64>, StoreError> {
    let rows = json(&jobs);
    let fed = sqlx::query_scalar!(
        r#"SELECT CAST(t.value AS INTEGER) AS "id!: i64" FROM json_each(?1) t
           WHERE NOT EXISTS (SELECT 1 FROM job_inputs k JOIN jobs f ON f.id = k.source
                             WHERE k.job = t.value AND f.state <> 'succeeded')"#,
        rows
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    Ok(fed.into_iter().collect())
}

async fn of_sweep(tx: &mut Tx<'_>, sweep: SweepId) -> Result<Vec<Ended>, StoreError> {
    let ended = sqlx::query_as!(
        Ended,
        "SELECT id, state, attempt FROM jobs
         WHERE sweep = ? AND state IN ('failed', 'cancelled', 'skipped', 'stopped')",
        sweep.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    Ok(ended)
}

/// The job's sweep, where the job can be tried again.
async fn retryable(tx: &mut Tx<'_>, job: JobId) -> Result<SweepId, StoreError> {
    let row = sqlx::query!("SELECT sweep, state FROM jobs WHERE id = ?", job.0)
        .fetch_optional(&mut *tx.conn)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("job {job}")))?;
    let state: JobState = word(&row.state)?;
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
           WHERE j.id = ?1 OR j.state = 'skipped'"#,
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
         WHERE f.sweep = ? AND f.state IN ('failed', 'cancelled', 'skipped', 'stopped') AND j.state = 'blocked'",
        sweep.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    Ok(rows.into_iter().map(JobId).collect())
}
