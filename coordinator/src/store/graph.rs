//! What the end of a job means for the jobs that read it.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::JobState;

use super::StoreError;
use super::audit::json;
use super::command::Tx;
use super::moves::{JobMove, write_jobs};
use crate::transition::{Job, JobEvent, next_job};

/// Makes ready what waited for these succeeded jobs and for nothing else.
pub async fn unblock(tx: &mut Tx<'_>, succeeded: &[JobId]) -> Result<(), StoreError> {
    if succeeded.is_empty() {
        return Ok(());
    }
    let sources = json(&succeeded);
    let waiting = sqlx::query!(
        r#"SELECT DISTINCT j.id AS "id!: i64", j.sweep AS "sweep!: i64", j.attempt AS "attempt!: i64"
           FROM json_each(?1) s
           JOIN job_inputs i ON i.source = s.value
           JOIN jobs j ON j.id = i.job
           WHERE j.state = 'blocked'
             AND NOT EXISTS (SELECT 1 FROM job_inputs k JOIN jobs f ON f.id = k.source
                             WHERE k.job = j.id AND f.state <> 'succeeded')"#,
        sources
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut moves = Vec::with_capacity(waiting.len());
    for row in waiting {
        moves.push(step(row.id, row.sweep, row.attempt, JobEvent::InputsSucceeded)?);
    }
    write_jobs(tx, &moves).await
}

/// Skips everything that can no longer run because these jobs, directly or through others, did not succeed.
pub async fn skip(tx: &mut Tx<'_>, ended: &[JobId]) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let sources = json(&ended);
    let waiting = sqlx::query!(
        r#"WITH RECURSIVE below (job) AS (
               SELECT i.job FROM json_each(?1) s JOIN job_inputs i ON i.source = s.value
               UNION
               SELECT i.job FROM below b JOIN job_inputs i ON i.source = b.job)
           SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", j.attempt AS "attempt!: i64"
           FROM below JOIN jobs j ON j.id = below.job
           WHERE j.state = 'blocked'"#,
        sources
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut moves = Vec::with_capacity(waiting.len());
    for row in waiting {
        let mut skipped = step(row.id, row.sweep, row.attempt, JobEvent::InputFailed)?;
        "an input job did not succeed".clone_into(&mut skipped.message);
        moves.push(skipped);
    }
    write_jobs(tx, &moves).await
}

fn step(id: i64, sweep: i64, attempt: i64, event: JobEvent) -> Result<JobMove, StoreError> {
    let job = Job { state: JobState::Blocked, failures: 0, losses: 0, retries: 0 };
    Ok(JobMove::new(JobId(id), SweepId(sweep), JobState::Blocked, attempt as u32, next_job(job, event)?))
}
