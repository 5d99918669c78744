//! Sweeps as users see them.

use std::collections::BTreeMap;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::plan::Budget;

use super::super::{Store, StoreError, Target};

#[derive(Debug, Clone, PartialEq)]
pub struct SweepRow {
    pub id: SweepId,
    pub name: String,
    /// Who may change it, besides administrators; empty: nobody.
    pub owner: String,
    pub state: String,
    pub paused: bool,
    /// Why, where it was not a user's wish.
    pub paused_reason: String,
    pub priority: i64,
    /// Hours that its attempts have held devices of a class so far.
    pub gpu_hours: f64,
    pub cpu_hours: f64,
    /// What the attempts took whose results were reused.
    pub gpu_hours_saved: f64,
    pub cpu_hours_saved: f64,
    pub budget: Budget,
    pub created_ms: i64,
    pub finished_ms: Option<i64>,
    /// Jobs by state.
    pub counts: BTreeMap<String, u32>,
    pub reused: u32,
}

impl Store {
    pub async fn sweep(&self, id: SweepId) -> Result<SweepRow, StoreError> {
        let row = sqlx::query!(
            r#"SELECT name, owner, state, paused AS "paused!: bool", paused_reason, priority, budget_gpu_hours, budget_cpu_hours,
                      created_ms, finished_ms
               FROM sweeps WHERE id = ?"#,
            id.0
        )
        .fetch_optional(&self.readers)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("sweep {id}")))?;
        let (counts, reused) = self.counts(id).await?;
        let (gpu_hours, cpu_hours) = self.hours(id).await?;
        let (gpu_hours_saved, cpu_hours_saved) = if reused > 0 { self.hours_saved(id).await? } else { (0.0, 0.0) };
        Ok(SweepRow {
            id,
            name: row.name,
            owner: row.owner,
            state: row.state,
            paused: row.paused,
            paused_reason: row.paused_reason,
            priority: row.priority,
            gpu_hours,
            cpu_hours,
            gpu_hours_saved,
            cpu_hours_saved,
            budget: Budget { gpu_hours: row.budget_gpu_hours, cpu_hours: row.budget_cpu_hours },
            created_ms: row.created_ms,
            finished_ms: row.finished_ms,
            counts,
            reused,
        })
    }

    pub async fn sweep_name(&self, id: SweepId) -> Result<String, StoreError> {
        sqlx::query_scalar!("SELECT name FROM sweeps WHERE id = ?", id.0)
            .fetch_optional(&self.readers)
            .await?
            .ok_or_else(|| StoreError::Unknown(format!("sweep {id}")))
    }

    /// Of GPUs and of CPUs. What runs counts up to now.
    async fn hours(&self, id: SweepId) -> Result<(f64, f64), StoreError> {
        let now_ms = self.clock.unix_ms();
        let row = sqlx::query!(
            r#"SELECT total(CASE device WHEN 'cuda' THEN seconds END) / 3600 AS "gpu!: f64",
                      total(CASE device WHEN 'cpu' THEN seconds END) / 3600 AS "cpu!: f64"
               FROM (SELECT a.device, coalesce(a.run_s, max(0, coalesce(a.finished_ms, ?2) - a.started_ms) / 1000.0) AS seconds
                     FROM jobs j JOIN attempts a ON a.job = j.id WHERE j.sweep = ?1)"#,
            id.0,
            now_ms
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((row.gpu, row.cpu))
    }

    /// The same of the attempts at jobs of other sweeps that it would have had to repeat.
    async fn hours_saved(&self, id: SweepId) -> Result<(f64, f64), StoreError> {
        let row = sqlx::query!(
            r#"SELECT total(CASE a.device WHEN 'cuda' THEN a.run_s END) / 3600 AS "gpu!: f64",
                      total(CASE a.device WHEN 'cpu' THEN a.run_s END) / 3600 AS "cpu!: f64"
               FROM jobs j JOIN attempts a ON a.job = j.reused_from
               WHERE j.sweep = ?1 AND j.state = 'succeeded' AND j.dropped = 0 AND j.reused_from IS NOT NULL"#,
            id.0
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((row.gpu, row.cpu))
    }

    /// The newest first.
    pub async fn sweeps(&self, limit: u32) -> Result<Vec<SweepRow>, StoreError> {
        let ids = sqlx::query_scalar!("SELECT id FROM sweeps ORDER BY id DESC LIMIT ?", limit)
            .fetch_all(&self.readers)
            .await?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.push(self.sweep(SweepId(id)).await?);
        }
        Ok(rows)
    }

    async fn counts(&self, id: SweepId) -> Result<(BTreeMap<String, u32>, u32), StoreError> {
        let rows = sqlx::query!(
            r#"SELECT state, count(*) AS "jobs!: i64", count(reused_from) AS "reused!: i64"
               FROM jobs WHERE sweep = ? AND dropped = 0 GROUP BY state"#,
            id.0
        )
        .fetch_all(&self.readers)
        .await?;
        let reused = rows.iter().map(|row| row.reused as u32).sum();
        Ok((rows.into_iter().map(|row| (row.state, row.jobs as u32)).collect(), reused))
    }
}

/// The ids of sweeps, the newest first, and how many there are.
pub async fn sweep_ids(store: &Store, offset: u32, limit: u32) -> Result<(Vec<SweepId>, u64), StoreError> {
    let mut tx = store.readers.begin().await?;
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "total!: i64" FROM sweeps"#).fetch_one(&mut *tx).await?;
    let ids = sqlx::query_scalar!("SELECT id FROM sweeps ORDER BY id DESC LIMIT ? OFFSET ?", limit, offset)
        .fetch_all(&mut *tx)
        .await?;
    Ok((ids.into_iter().map(SweepId).collect(), total as u64))
}

/// The newest sweep, if there is any.
pub async fn latest(store: &Store) -> Result<Option<SweepId>, StoreError> {
    let id =
        sqlx::query_scalar!("SELECT id FROM sweeps ORDER BY id DESC LIMIT 1").fetch_optional(&store.readers).await?;
    Ok(id.map(SweepId))
}

/// The sweep that a job belongs to.
pub async fn sweep_of_job(store: &Store, job: JobId) -> Result<SweepId, StoreError> {
    sqlx::query_scalar!("SELECT sweep FROM jobs WHERE id = ?", job.0)
        .fetch_optional(&store.readers)
        .await?
        .map(SweepId)
        .ok_or_else(|| StoreError::Unknown(format!("job {job}")))
}

/// The target's sweep, and whose it is.
pub async fn owner_of(store: &Store, target: Target) -> Result<(SweepId, String), StoreError> {
    let (sweep, job) = match target {
        Target::Sweep(sweep) => (Some(sweep.0), None),
        Target::Job(job) => (None, Some(job.0)),
    };
    let row = sqlx::query!(
        r#"SELECT id, owner FROM sweeps WHERE id = coalesce(?1, (SELECT sweep FROM jobs WHERE id = ?2))"#,
        sweep,
        job
    )
    .fetch_optional(&store.readers)
    .await?;
    let unknown = || {
        StoreError::Unknown(match target {
            Target::Sweep(sweep) => format!("sweep {sweep}"),
            Target::Job(job) => format!("job {job}"),
        })
    };
    row.map(|row| (SweepId(row.id), row.owner)).ok_or_else(unknown)
}
