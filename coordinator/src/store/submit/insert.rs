//! The rows of a new sweep, some hundred in one statement.

use sweep_shared::ids::{JobId, SweepId};

use super::super::audit::json;
use super::super::blobs;
use super::reuse::Taken;
use super::{BlobRef, NewJob, StoreError, Submit, Tx};
use crate::memory::to_json;
use crate::transition::initial;

/// Rows in one statement: enough to forget the cost of the statement, few enough to keep its JSON small.
const CHUNK: usize = 500;

pub async fn sweep(tx: &mut Tx<'_>, new: &Submit) -> Result<SweepId, StoreError> {
    let notify = json(&new.notify);
    let id = sqlx::query!(
        "INSERT INTO sweeps (name, state, fingerprint, plan_yaml, plan_path, created_ms, priority, budget_gpu_hours,
                             budget_cpu_hours, owner, notify_json)
         VALUES (?, 'active', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        new.name,
        new.fingerprint,
        new.plan_yaml,
        new.plan_path,
        tx.now_ms,
        new.priority,
        new.budget.gpu_hours,
        new.budget.cpu_hours,
        new.actor,
        notify
    )
    .execute(&mut *tx.conn)
    .await?
    .last_insert_rowid();
    Ok(SweepId(id))
}

pub async fn files(tx: &mut Tx<'_>, sweep: SweepId, files: &[BlobRef]) -> Result<(), StoreError> {
    if files.is_empty() {
        return Ok(());
    }
    blobs::record(tx, files).await?;
    let rows = json(&files);
    sqlx::query!(
        "INSERT INTO sweep_files (sweep, name, hash)
         SELECT ?2, value ->> 'name', value ->> 'hash' FROM json_each(?1) WHERE true
         ON CONFLICT DO NOTHING",
        rows,
        sweep.0
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

/// What an amended plan's command stages read, instead of what the old one's did.
pub async fn replace_files(tx: &mut Tx<'_>, sweep: SweepId, new: &[BlobRef]) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM sweep_files WHERE sweep = ?", sweep.0).execute(&mut *tx.conn).await?;
    files(tx, sweep, new).await
}

/// Inserts the jobs under consecutive ids, in their order; but not those that `kept` has an id for. Answers all ids.
pub async fn jobs(
    tx: &mut Tx<'_>,
    sweep: SweepId,
    jobs: &[NewJob],
    taken: &[Option<Taken>],
    kept: &[Option<JobId>],
) -> Result<Vec<JobId>, StoreError> {
    // AUTOINCREMENT's own note of the last id, so that ids of deleted jobs never come back.
    let last =
        sqlx::query_scalar!(r#"SELECT CAST(seq AS INTEGER) AS "seq!: i64" FROM sqlite_sequence WHERE name = 'jobs'"#)
            .fetch_optional(&mut *tx.conn)
            .await?;
    let mut newest = last.unwrap_or(0);
    let mut next = || {
        newest += 1;
        JobId(newest)
    };
    let ids: Vec<JobId> = kept.iter().map(|kept| kept.unwrap_or_else(&mut next)).collect();
    let rows: Vec<(JobId, &NewJob, Option<&Taken>)> =
        (0..jobs.len()).filter(|at| kept[*at].is_none()).map(|at| (ids[at], &jobs[at], taken[at].as_ref())).collect();
    for chunk in rows.chunks(CHUNK) {
        insert_jobs(tx, sweep, chunk, taken).await?;
        insert_specs(tx, chunk).await?;
    }
    for chunk in rows.chunks(CHUNK) {
        insert_inputs(tx, &ids, chunk).await?;
    }
    Ok(ids)
}

type Chunk<'a> = [(JobId, &'a NewJob, Option<&'a Taken>)];

/// Rows travel as arrays: SQLite would compare the names of an object's fields for each column.
async fn insert_jobs(
    tx: &mut Tx<'_>,
    sweep: SweepId,
    chunk: &Chunk<'_>,
    all: &[Option<Taken>],
) -> Result<(), StoreError> {
    let rows: Vec<_> = chunk
        .iter()
        .map(|(id, job, taken)| {
            let fed = job.inputs.iter().all(|input| all[input.source].is_some());
            let state = initial(taken.is_some(), fed).state();
            let bytes = job.need();
            let need = (job.device, bytes.cpu_bytes, job.exclusive, job.preemptible, bytes.cuda_bytes, &job.place);
            let policy = (job.retries, job.most_losses, job.max_hours, job.priority, job.reusable, job.hang_after_s);
            let reused = taken.map(|taken| (taken.job, taken.inputs_digest.as_str()));
            (id, &job.key, state, state.is_terminal(), need, policy, reused)
        })
        .collect();
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO jobs (id, sweep, key, state, finished_ms, device, memory_bytes, exclusive, preemptible, retries,
                           most_losses, max_hours, own_priority, priority, reusable, hang_after_s, changed_ms,
                           reused_from, inputs_digest, cuda_bytes, place)
         SELECT value ->> 0, ?2, value ->> 1, value ->> 2, CASE value ->> 3 WHEN 1 THEN ?3 END,
                value ->> '$[4][0]', value ->> '$[4][1]', value ->> '$[4][2]', value ->> '$[4][3]',
                value ->> '$[5][0]', value ->> '$[5][1]', value ->> '$[5][2]', value ->> '$[5][3]',
                w.priority + (value ->> '$[5][3]'), value ->> '$[5][4]', value ->> '$[5][5]', ?3,
                value ->> '$[6][0]', value ->> '$[6][1]', value ->> '$[4][4]',
                value ->> '$[4][5]'
         FROM json_each(?1), sweeps w WHERE w.id = ?2",
        rows,
        sweep.0,
        tx.now_ms
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

async fn insert_specs(tx: &mut Tx<'_>, chunk: &Chunk<'_>) -> Result<(), StoreError> {
    let rows: Vec<_> = chunk
        .iter()
        .map(|(id, job, _)| {
            let predicted = (&job.likeness, to_json(&job.needs), job.disk_bytes);
            (id, &job.stage, job.kind, &job.label, job.seed as i64, &job.params_json, &job.spec_json, predicted)
        })
        .collect();
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO job_specs (job, stage, kind, label, seed, params_json, spec_json, likeness, needs_json, disk_bytes)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> '$[7][0]', value ->> '$[7][1]', value ->> '$[7][2]'
         FROM json_each(?1)",
        rows
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

async fn insert_inputs(tx: &mut Tx<'_>, ids: &[JobId], chunk: &Chunk<'_>) -> Result<(), StoreError> {
    let rows: Vec<_> = chunk
        .iter()
        .flat_map(|(id, job, _)| {
            let input = move |(ordinal, input): (usize, &super::NewInput)| {
                (id.0, ordinal, ids[input.source].0, input.role, input.point.clone())
            };
            job.inputs.iter().enumerate().map(input)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO job_inputs (job, ordinal, source, role, point)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)",
        rows
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
