//! Attempts that live, as a coordinator finds them at its start.

use std::sync::Arc;

use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::labels::Placement;
use sweep_shared::resources::DeviceClass;

use super::super::pause::PAUSED;
use super::super::{Store, StoreError};
use crate::memory::Needs;

#[derive(Debug, Clone)]
pub struct LiveRow {
    pub token: Token,
    pub sweep: SweepId,
    pub stage: String,
    pub agent: String,
    pub device: DeviceClass,
    pub device_index: u32,
    /// What the plan asks for.
    pub wants: Option<DeviceClass>,
    pub place: Arc<Placement>,
    /// What was reserved for it on its device.
    pub memory_bytes: u64,
    /// What another attempt would need of a device of each class, and what it has outgrown.
    pub needs: Needs,
    pub outgrown_bytes: u64,
    pub exclusive: bool,
    pub has_readers: bool,
    /// Whether what it does still counts for the job; not so after a cancel.
    pub wanted: bool,
    /// Why it must stop with a checkpoint: its job or its sweep is paused.
    pub stop: Option<String>,
    /// Its agent has begun it.
    pub started: bool,
    /// Its processes are gone; its slot is free, its files are on their way.
    pub finishing: bool,
    /// Effective: the sweep's and the job's own.
    pub priority: i64,
    /// It can go on from a checkpoint.
    pub preemptible: bool,
    /// For all attempts of the job together.
    pub max_hours: Option<f64>,
    /// What the job's ended attempts have run of that, in seconds.
    pub spent_s: f64,
    /// For how long it has held its device, in seconds, when this was read.
    pub held_s: f64,
}

/// All live attempts, in the order of their jobs.
pub async fn live(store: &Store) -> Result<Vec<LiveRow>, StoreError> {
    let now_ms = store.clock.unix_ms();
    let rows = sqlx::query!(
        r#"SELECT a.job AS "job!: i64", a.number AS "number!: i64", a.lease, a.agent, a.device, a.device_index,
                  a.state = 'finishing' AS "finishing!: bool", a.unwanted AS "unwanted!: bool", a.started_ms,
                  j.sweep, j.place, a.memory_bytes, m.cpu_bytes AS "cpu_bytes!: i64", m.cuda_bytes AS "cuda_bytes!: i64",
                  j.outgrown_bytes, coalesce(j.device, j.outgrown) AS "wants?: String", j.exclusive AS "exclusive!: bool", j.priority,
                  j.preemptible AS "preemptible!: bool", j.max_hours, s.stage,
                  j.state = 'paused' OR w.paused = 1 AS "paused!: bool",
                  EXISTS (SELECT 1 FROM job_inputs WHERE source = a.job) AS "has_readers!: bool",
                  (SELECT total(coalesce(b.run_s, max(0, b.finished_ms - b.started_ms) / 1000.0)) FROM attempts b
                   WHERE b.job = a.job AND b.number > j.hours_from AND b.finished_ms IS NOT NULL) AS "spent_s!: f64"
           FROM attempts a JOIN jobs j ON j.id = a.job JOIN job_specs s ON s.job = a.job JOIN sweeps w ON w.id = j.sweep
                JOIN job_memory m ON m.job = a.job
           WHERE a.finished_ms IS NULL
           ORDER BY a.job"#
    )
    .fetch_all(&store.readers)
    .await?;
    let mut live = Vec::with_capacity(rows.len());
    for row in rows {
        let device = sweep_shared::wire::device_class(&row.device).map_err(|e| StoreError::Refused(e.to_string()))?;
        live.push(LiveRow {
            token: Token { job: JobId(row.job), attempt: row.number as u32, lease: row.lease as u64 },
            sweep: SweepId(row.sweep),
            stage: row.stage,
            agent: row.agent,
            device,
            device_index: row.device_index as u32,
            wants: row.wants.as_deref().and_then(|word| sweep_shared::wire::device_class(word).ok()),
            place: Arc::new(Placement::of_text(&row.place)),
            memory_bytes: row.memory_bytes as u64,
            needs: Needs { cpu_bytes: row.cpu_bytes as u64, cuda_bytes: row.cuda_bytes as u64 },
            outgrown_bytes: row.outgrown_bytes as u64,
            exclusive: row.exclusive,
            has_readers: row.has_readers,
            wanted: !row.unwanted,
            stop: (row.paused && !row.unwanted).then(|| PAUSED.to_owned()),
            started: row.started_ms.is_some(),
            finishing: row.finishing,
            priority: row.priority,
            preemptible: row.preemptible,
            max_hours: row.max_hours,
            spent_s: row.spent_s,
            held_s: row.started_ms.map_or(0.0, |since| (now_ms - since).max(0) as f64 / 1000.0),
        });
    }
    Ok(live)
}
