//! What a plan says of how its jobs are treated. None of it is part of a key, so a plan that is submitted again may say it
//! otherwise.

use sweep_shared::ids::{JobId, SweepId};

use super::super::audit::json;
use super::super::priority;
use super::{StoreError, Submit, Tx};
use crate::memory::to_json;

/// Rows in one statement.
const CHUNK: usize = 500;

/// The sweep takes the plan's text, names, priorities and limits; its jobs are found by their keys, and their states stay as
/// they are. A budget that is another than before holds anew.
pub async fn take(tx: &mut Tx<'_>, sweep: SweepId, new: &Submit) -> Result<(), StoreError> {
    let notify = json(&new.notify);
    sqlx::query!(
        "UPDATE sweeps SET name = ?2, fingerprint = ?3, plan_yaml = ?4, plan_path = ?5, priority = ?6, notify_json = ?9,
                budget_gpu_hours = ?7, budget_cpu_hours = ?8,
                budget_waived = CASE WHEN budget_gpu_hours IS ?7 AND budget_cpu_hours IS ?8 THEN budget_waived ELSE 0 END,
                paused = CASE WHEN paused_reason = '' OR (budget_gpu_hours IS ?7 AND budget_cpu_hours IS ?8)
                         THEN paused ELSE 0 END,
                paused_reason = CASE WHEN budget_gpu_hours IS ?7 AND budget_cpu_hours IS ?8 THEN paused_reason ELSE '' END
         WHERE id = ?1",
        sweep.0,
        new.name,
        new.fingerprint,
        new.plan_yaml,
        new.plan_path,
        new.priority,
        new.budget.gpu_hours,
        new.budget.cpu_hours,
        notify
    )
    .execute(&mut *tx.conn)
    .await?;
    go_on(tx, sweep).await?;
    for chunk in new.jobs.chunks(CHUNK) {
        of_jobs(tx, sweep, chunk).await?;
    }
    priority::add_up(tx, sweep).await?;
    tx.changes.sweeps.insert(sweep);
    Ok(())
}

/// Of a sweep that is not paused (any more), nothing that lives need stop; unless its job is.
async fn go_on(tx: &mut Tx<'_>, sweep: SweepId) -> Result<(), StoreError> {
    let live = sqlx::query_scalar!(
        r#"SELECT j.id AS "id!: i64" FROM sweeps w JOIN jobs j ON j.sweep = w.id
           WHERE w.id = ? AND w.paused = 0 AND j.state = 'running'"#,
        sweep.0
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    tx.changes.resumed.extend(live.into_iter().map(JobId));
    Ok(())
}

async fn of_jobs(tx: &mut Tx<'_>, sweep: SweepId, jobs: &[super::NewJob]) -> Result<(), StoreError> {
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| {
            let need = (job.device, to_json(&job.needs), job.exclusive, job.preemptible, &job.likeness, &job.place);
            let policy = (job.retries, job.most_losses, job.max_hours, job.priority, job.reusable, job.hang_after_s);
            let words = (&job.stage, &job.label, &job.params_json, &job.spec_json);
            (&job.key, need, policy, words)
        })
        .collect();
    let rows = json(&rows);
    sqlx::query!(
        "UPDATE jobs SET device = n.device,
                memory_bytes = coalesce(n.needs ->> ('$.\"' || micro_batches || '\"[0]'), n.needs ->> '$.\"1\"[0]', 0),
                cuda_bytes = coalesce(n.needs ->> ('$.\"' || micro_batches || '\"[1]'), n.needs ->> '$.\"1\"[1]', 0), exclusive = n.exclusive, preemptible = n.preemptible,
                retries = n.retries, most_losses = n.losses, max_hours = n.hours, own_priority = n.priority,
                reusable = n.reusable, hang_after_s = n.hang, place = n.place
         FROM (SELECT value ->> 0 AS key, value ->> '$[1][0]' AS device, value ->> '$[1][1]' AS needs,
                      value ->> '$[1][2]' AS exclusive, value ->> '$[1][3]' AS preemptible, value ->> '$[2][0]' AS retries,
                      value ->> '$[2][1]' AS losses, value ->> '$[2][2]' AS hours, value ->> '$[2][3]' AS priority,
                      value ->> '$[2][4]' AS reusable, value ->> '$[2][5]' AS hang,
                      value ->> '$[1][5]' AS place
               FROM json_each(?1)) AS n
         WHERE jobs.sweep = ?2 AND jobs.key = n.key",
        rows,
        sweep.0
    )
    .execute(&mut *tx.conn)
    .await?;
    sqlx::query!(
        "UPDATE job_specs SET stage = n.stage, label = n.label, params_json = n.params, spec_json = n.spec,
                likeness = n.likeness, needs_json = n.needs
         FROM (SELECT j.id, t.value ->> '$[3][0]' AS stage, t.value ->> '$[3][1]' AS label,
                      t.value ->> '$[3][2]' AS params, t.value ->> '$[3][3]' AS spec,
                      t.value ->> '$[1][4]' AS likeness, t.value ->> '$[1][1]' AS needs
               FROM json_each(?1) t JOIN jobs j ON j.key = t.value ->> 0 AND j.sweep = ?2) AS n
         WHERE job_specs.job = n.id",
        rows,
        sweep.0
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
