//! What the end of a job means for the jobs that read it.

use std::collections::HashSet;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::JobState;

use super::StoreError;
use super::audit::json;
use super::command::Tx;
use super::ledger::word;
use super::moves::{JobMove, write_jobs};
use crate::transition::{Job, JobEvent, next_job};

/// Those of the jobs whose inputs have all succeeded.
pub async fn fed(tx: &mut Tx<'_>, jobs: &[i64]) -> Result<HashSet<i64>, StoreError> {
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
        let at = (row.id, row.sweep, row.attempt);
        moves.push(step(at, JobState::Blocked, JobEvent::InputsSucceeded)?);
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
           SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", j.attempt AS "attempt!: i64", j.state AS "state!: String"
           FROM below JOIN jobs j ON j.id = below.job
           WHERE j.state IN ('blocked', 'paused')"#,
        sources
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut moves = Vec::with_capacity(waiting.len());
    for row in waiting {
        let at = (row.id, row.sweep, row.attempt);
        let mut skipped = step(at, word(&row.state)?, JobEvent::InputFailed)?;
        skipped.message = Some("an input job did not succeed".to_owned());
        moves.push(skipped);
    }
    write_jobs(tx, &moves).await
}

/// None of these has failed or was lost since it was last brought back: it never ran, or its inputs would be there.
fn step((id, sweep, attempt): (i64, i64, i64), was: JobState, event: JobEvent) -> Result<JobMove, StoreError> {
    let job = Job { state: was, failures: 0, losses: 0, retries: 0, most_losses: 0 };
    Ok(JobMove::new(JobId(id), SweepId(sweep), was, attempt as u32, next_job(job, event)?))
}
