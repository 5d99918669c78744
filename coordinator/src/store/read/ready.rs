//! Jobs that wait for an agent, in the order in which they are to be granted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::labels::Placement;
use sweep_shared::resources::DeviceClass;

use super::super::audit::json;
use super::super::{Store, StoreError};
use crate::memory::Needs;

/// A job that could run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub job: JobId,
    pub sweep: SweepId,
    pub stage: String,
    /// Effective: the sweep's and the job's own.
    pub priority: i64,
    /// What the plan asks for, or the class of which it has outgrown a device.
    pub device: Option<DeviceClass>,
    /// Which agents it may go to.
    pub place: Arc<Placement>,
    /// Of a device of each class.
    pub needs: Needs,
    /// Only a device with more memory than this will do.
    pub outgrown_bytes: u64,
    pub exclusive: bool,
    /// Since when, unix milliseconds.
    pub since_ms: i64,
}

/// Which ready jobs, and how many of them. Only what some device could take is worth reading.
#[derive(Debug, Clone, Copy)]
pub struct ReadyQuery<'a> {
    pub now_ms: i64,
    pub exclusive: bool,
    /// The most that a CPU (a GPU) can give; `None` where there is none. Of one class alone, jobs without a wish count only where
    /// `wishless` says so.
    pub cpu_bytes: Option<u64>,
    pub cuda_bytes: Option<u64>,
    pub wishless: bool,
    pub limit: u32,
    /// Of what [`Store::places`] answers, those that some device is at.
    pub places: &'a [String],
    /// Only these sweeps; `None`: all.
    pub served: Option<&'a BTreeSet<SweepId>>,
}

impl Store {
    /// By priority, then sweep, then job.
    pub async fn ready(&self, query: ReadyQuery<'_>) -> Result<Vec<Ready>, StoreError> {
        let bound = |bytes: Option<u64>| bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        let (cpu, cuda) = (bound(query.cpu_bytes), bound(query.cuda_bytes));
        let served = query.served.map(json);
        let places = json(&query.places);
        let rows = sqlx::query!(
            r#"SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", s.stage AS "stage!: String", j.priority AS "priority!: i64",
                      coalesce(j.device, j.outgrown) AS "device?: String", m.cpu_bytes AS "cpu_bytes!: i64",
                      m.cuda_bytes AS "cuda_bytes!: i64", j.outgrown_bytes AS "outgrown_bytes!: i64",
                      j.place AS "place!: String", j.changed_ms AS "changed_ms!: i64"
               FROM jobs j JOIN job_specs s ON s.job = j.id JOIN sweeps w ON w.id = j.sweep JOIN job_memory m ON m.job = j.id
               WHERE j.state = 'ready' AND j.exclusive = ?1 AND j.not_before_ms <= ?2 AND w.paused = 0
                 AND (?8 OR coalesce(j.device, j.outgrown) IS NOT NULL)
                 AND (?3 >= 0 OR coalesce(j.device, j.outgrown, '') <> 'cpu')
                 AND (?4 >= 0 OR coalesce(j.device, j.outgrown, '') <> 'cuda')
                 AND (j.place = '' OR j.place IN (SELECT value FROM json_each(?7)))
                 AND CASE coalesce(j.device, j.outgrown)
                     WHEN 'cpu' THEN max(m.cpu_bytes, j.outgrown_bytes + (j.outgrown IS NOT NULL)) <= ?3
                     WHEN 'cuda' THEN max(m.cuda_bytes, j.outgrown_bytes + (j.outgrown IS NOT NULL)) <= ?4
                     ELSE m.cpu_bytes <= ?3 OR m.cuda_bytes <= ?4 END
                 AND (?6 IS NULL OR j.sweep IN (SELECT value FROM json_each(?6)))
               ORDER BY j.priority DESC, j.sweep, j.id
               LIMIT ?5"#,
            query.exclusive,
            query.now_ms,
            cpu,
            cuda,
            query.limit,
            served,
            places,
            query.wishless
        )
        .fetch_all(&self.readers)
        .await?;
        let mut known: HashMap<String, Arc<Placement>> = HashMap::new();
        let ready = rows.into_iter().map(|row| Ready {
            job: JobId(row.id),
            sweep: SweepId(row.sweep),
            stage: row.stage,
            priority: row.priority,
            device: row.device.as_deref().and_then(|word| sweep_shared::wire::device_class(word).ok()),
            place: known.entry(row.place).or_insert_with_key(|text| Arc::new(Placement::of_text(text))).clone(),
            needs: Needs { cpu_bytes: row.cpu_bytes as u64, cuda_bytes: row.cuda_bytes as u64 },
            outgrown_bytes: row.outgrown_bytes as u64,
            exclusive: query.exclusive,
            since_ms: row.changed_ms,
        });
        Ok(ready.collect())
    }

    /// The places that ready jobs ask for, as text, but for anywhere.
    pub async fn places(&self) -> Result<Vec<String>, StoreError> {
        let places = sqlx::query_scalar!(
            r#"SELECT DISTINCT place AS "place!: String" FROM jobs WHERE state = 'ready' AND place <> ''"#
        );
        Ok(places.fetch_all(&self.readers).await?)
    }
}
