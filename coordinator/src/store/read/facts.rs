//! What the database has to say about why a job is where it is.

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::labels::Placement;
use sweep_shared::states::JobState;

use super::super::ledger::word;
use super::super::{Store, StoreError};
use crate::explain::{Culprit, Input, JobFacts, Known, LastAttempt, Paused, Promise, SweepFacts};
use crate::memory::Needs;

/// A job, as explanations need it.
pub async fn job_facts(store: &Store, job: JobId) -> Result<JobFacts, StoreError> {
    let now_ms = store.clock.unix_ms();
    let row = sqlx::query!(
        r#"SELECT j.state, j.sweep, j.priority, coalesce(j.device, j.outgrown) AS "device?: String", j.place, j.outgrown_bytes,
                  m.cpu_bytes AS "cpu_bytes!: i64", m.cpu_runs AS "cpu_runs?: i64", m.cuda_bytes AS "cuda_bytes!: i64",
                  m.cuda_runs AS "cuda_runs?: i64", s.likeness = '' AND s.needs_json <> '{}' AS "declared!: bool", j.micro_batches,
                  coalesce(s.spec_json ->> '$.params.fit.batch', s.spec_json ->> '$.params.retrain.batch') AS "batch?: i64",
                  j.exclusive AS "exclusive!: bool", j.not_before_ms,
                  j.failures, j.retries, j.losses, j.most_losses, j.max_hours, j.failure_class, j.message, j.finished_ms,
                  j.reused_from, r.sweep AS "reused_sweep?", w.paused AS "paused!: bool", w.paused_reason,
                  j.dropped AS "dropped!: bool",
                  (SELECT count(*) FROM jobs o JOIN sweeps x ON x.id = o.sweep
                   WHERE o.state = 'ready' AND o.exclusive = j.exclusive AND o.not_before_ms <= ?2 AND x.paused = 0
                     AND (-o.priority, o.sweep, o.id) < (-j.priority, j.sweep, j.id)) AS "ahead!: i64"
           FROM jobs j JOIN sweeps w ON w.id = j.sweep JOIN job_specs s ON s.job = j.id JOIN job_memory m ON m.job = j.id
                LEFT JOIN jobs r ON r.id = j.reused_from
           WHERE j.id = ?1"#,
        job.0,
        now_ms
    )
    .fetch_optional(&store.readers)
    .await?
    .ok_or_else(|| StoreError::Unknown(format!("job {job}")))?;
    let (state, sweep): (JobState, SweepId) = (word(&row.state)?, SweepId(row.sweep));
    let class = row.failure_class.as_deref().map(word).transpose()?;
    let sweep_paused = if row.paused {
        Some(Paused { reason: row.paused_reason, ..paused_by(store, sweep, None, now_ms).await? })
    } else {
        None
    };
    let paused = match state {
        JobState::Paused => Some(paused_by(store, sweep, Some(job), now_ms).await?),
        _ => None,
    };
    Ok(JobFacts {
        job,
        state,
        sweep: SweepFacts { id: sweep, paused: sweep_paused },
        priority: row.priority,
        device: row.device.as_deref().and_then(|word| sweep_shared::wire::device_class(word).ok()),
        place: Placement::of_text(&row.place),
        memory: Promise {
            needs: Needs { cpu_bytes: row.cpu_bytes as u64, cuda_bytes: row.cuda_bytes as u64 },
            cpu: Known::of(row.declared, row.cpu_runs.map(|runs| runs as u32)),
            cuda: Known::of(row.declared, row.cuda_runs.map(|runs| runs as u32)),
        },
        outgrown_bytes: row.outgrown_bytes as u64,
        micro_batches: row.micro_batches as u32,
        batch: row.batch.and_then(|batch| u32::try_from(batch).ok()),
        exclusive: row.exclusive,
        inputs: inputs(store, job).await?,
        wait: Some(millis(row.not_before_ms - now_ms)).filter(|wait| !wait.is_zero()),
        failures: row.failures as u32,
        retries: row.retries as u32,
        losses: row.losses as u32,
        most_losses: row.most_losses as u32,
        max_hours: row.max_hours,
        ahead: row.ahead as u32,
        last: last(store, job, now_ms).await?,
        checkpoint: checkpoint(store, job, now_ms).await?,
        epoch: epoch(store, job).await?,
        paused,
        class,
        message: row.message,
        ended: row.finished_ms.map(|at| millis(now_ms - at)),
        dropped: row.dropped,
        reused_from: row.reused_from.zip(row.reused_sweep).map(|(job, sweep)| (JobId(job), SweepId(sweep))),
        culprit: if state == JobState::Skipped { culprit(store, job).await? } else { None },
    })
}

/// None where the clock was set in between.
fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

async fn inputs(store: &Store, job: JobId) -> Result<Vec<Input>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT f.id AS "id!: i64", f.state AS "state!: String", s.stage AS "stage!: String"
           FROM job_inputs i JOIN jobs f ON f.id = i.source JOIN job_specs s ON s.job = f.id
           WHERE i.job = ? ORDER BY f.id"#,
        job.0
    )
    .fetch_all(&store.readers)
    .await?;
    rows.into_iter().map(|row| Ok(Input { job: JobId(row.id), stage: row.stage, state: word(&row.state)? })).collect()
}

/// Who paused the job (or its sweep) last, by the audit log.
async fn paused_by(store: &Store, sweep: SweepId, job: Option<JobId>, now_ms: i64) -> Result<Paused, StoreError> {
    let job = job.map(|job| job.0);
    let row = sqlx::query!(
        r#"SELECT actor, at_ms FROM events
           WHERE sweep = ?1 AND job IS ?2 AND (what = 'pause' OR (what = 'paused' AND job IS NULL))
           ORDER BY id DESC LIMIT 1"#,
        sweep.0,
        job
    )
    .fetch_optional(&store.readers)
    .await?;
    let paused = |actor, at_ms: i64| Paused { by: actor, ago: Some(millis(now_ms - at_ms)), reason: String::new() };
    Ok(row.map_or_else(Paused::default, |row| paused(row.actor, row.at_ms)))
}

async fn last(store: &Store, job: JobId, now_ms: i64) -> Result<Option<LastAttempt>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT number AS "number!: i64", state AS "state!: String", agent AS "agent!: String", device AS "device!: String",
                  device_index AS "device_index!: i64", granted_ms AS "granted_ms!: i64", finished_ms AS "finished_ms?: i64",
                  resumed_epoch AS "resumed_epoch!: i64", failure_class AS "class?: String", message AS "message!: String",
                  micro_batches AS "micro_batches!: i64"
           FROM attempts WHERE job = ? ORDER BY number DESC LIMIT 1"#,
        job.0
    )
    .fetch_optional(&store.readers)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(LastAttempt {
        number: row.number as u32,
        state: word(&row.state)?,
        agent: row.agent,
        device: sweep_shared::wire::device_class(&row.device).map_err(|e| StoreError::Refused(e.to_string()))?,
        device_index: row.device_index as u32,
        message: row.message,
        micro_batches: row.micro_batches as u32,
        class: row.class.as_deref().map(word).transpose()?,
        granted: millis(now_ms - row.granted_ms),
        ended: row.finished_ms.map(|at| millis(now_ms - at)),
        resumed_epoch: row.resumed_epoch as u32,
    }))
}

async fn checkpoint(store: &Store, job: JobId, now_ms: i64) -> Result<Option<(u32, Duration)>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT epoch AS "epoch!: i64", at_ms AS "at_ms!: i64" FROM checkpoints
           WHERE job = ? ORDER BY epoch DESC, step DESC, attempt DESC LIMIT 1"#,
        job.0
    )
    .fetch_optional(&store.readers)
    .await?;
    Ok(row.map(|row| (row.epoch as u32, millis(now_ms - row.at_ms))))
}

/// The last epoch that the newest attempt told of, of how many.
async fn epoch(store: &Store, job: JobId) -> Result<(u32, u32), StoreError> {
    let row = sqlx::query!(
        r#"SELECT e.epoch AS "epoch!: i64", e.epochs AS "epochs!: i64" FROM jobs j
           JOIN epochs e ON e.job = j.id AND e.attempt = j.attempt
           WHERE j.id = ? ORDER BY e.epoch DESC LIMIT 1"#,
        job.0
    )
    .fetch_optional(&store.readers)
    .await?;
    Ok(row.map_or((0, 0), |row| (row.epoch as u32, row.epochs as u32)))
}

/// What a skipped job is skipped for: the job above it that ended by itself.
async fn culprit(store: &Store, job: JobId) -> Result<Option<Culprit>, StoreError> {
    let row = sqlx::query!(
        r#"WITH RECURSIVE above (job) AS (
               SELECT ?1
               UNION
               SELECT i.source FROM above JOIN job_inputs i ON i.job = above.job)
           SELECT j.id AS "id!: i64", j.state AS "state!: String", j.failure_class AS "class?: String",
                  s.stage AS "stage!: String"
           FROM above JOIN jobs j ON j.id = above.job JOIN job_specs s ON s.job = j.id
           WHERE j.state IN ('failed', 'cancelled', 'stopped') ORDER BY j.id LIMIT 1"#,
        job.0
    )
    .fetch_optional(&store.readers)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let class = row.class.as_deref().map(word).transpose()?;
    Ok(Some(Culprit { job: JobId(row.id), stage: row.stage, state: word(&row.state)?, class }))
}
