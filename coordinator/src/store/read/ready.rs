//! Jobs that wait for an agent, in the order in which they are to be granted.

use std::collections::BTreeSet;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::resources::DeviceClass;

use super::super::audit::json;
use super::super::{Store, StoreError};

/// A job that could run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub job: JobId,
    pub sweep: SweepId,
    pub stage: String,
    /// Effective: the sweep's and the job's own.
    pub priority: i64,
    pub device: Option<DeviceClass>,
    pub memory_bytes: u64,
    pub exclusive: bool,
    /// Since when, unix milliseconds.
    pub since_ms: i64,
}

/// Which ready jobs, and how many of them. Only what some device could take is worth reading.
#[derive(Debug, Clone, Copy)]
pub struct ReadyQuery<'a> {
    pub now_ms: i64,
    pub exclusive: bool,
    /// The most that a CPU (a GPU) can give; `None` where there is none.
    pub cpu_bytes: Option<u64>,
    pub cuda_bytes: Option<u64>,
    pub limit: u32,
    /// Only these sweeps; `None`: all.
    pub served: Option<&'a BTreeSet<SweepId>>,
}

impl Store {
    /// By priority, then sweep, then job.
    pub async fn ready(&self, query: ReadyQuery<'_>) -> Result<Vec<Ready>, StoreError> {
        let bound = |bytes: Option<u64>| bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        let (cpu, cuda) = (bound(query.cpu_bytes), bound(query.cuda_bytes));
        let any = cpu.max(cuda);
        let served = query.served.map(json);
        let rows = sqlx::query!(
            r#"SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", s.stage AS "stage!: String", j.priority AS "priority!: i64",
                      j.device AS "device?: String", j.memory_bytes AS "memory_bytes!: i64", j.changed_ms AS "changed_ms!: i64"
               FROM jobs j JOIN job_specs s ON s.job = j.id JOIN sweeps w ON w.id = j.sweep
               WHERE j.state = 'ready' AND j.exclusive = ?1 AND j.not_before_ms <= ?2 AND w.paused = 0
                 AND j.memory_bytes <= CASE j.device WHEN 'cpu' THEN ?3 WHEN 'cuda' THEN ?4 ELSE ?5 END
                 AND (?7 IS NULL OR j.sweep IN (SELECT value FROM json_each(?7)))
               ORDER BY j.priority DESC, j.sweep, j.id
               LIMIT ?6"#,
            query.exclusive,
            query.now_ms,
            cpu,
            cuda,
            any,
            query.limit,
            served
        )
        .fetch_all(&self.readers)
        .await?;
        let ready = rows.into_iter().map(|row| Ready {
            job: JobId(row.id),
            sweep: SweepId(row.sweep),
            stage: row.stage,
            priority: row.priority,
            device: row.device.as_deref().and_then(|word| sweep_shared::wire::device_class(word).ok()),
            memory_bytes: row.memory_bytes as u64,
            exclusive: query.exclusive,
            since_ms: row.changed_ms,
        });
        Ok(ready.collect())
    }
}
