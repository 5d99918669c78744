//! Attempts that live, as a coordinator finds them at its start.

use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::resources::DeviceClass;

use super::super::ledger::word;
use super::super::{Store, StoreError};
use sweep_shared::states::JobState;

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
    pub memory_bytes: u64,
    pub exclusive: bool,
    pub has_readers: bool,
    /// Whether the job still runs it; not so after a cancel.
    pub wanted: bool,
}

/// All live attempts.
pub async fn live(store: &Store) -> Result<Vec<LiveRow>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.job AS "job!: i64", a.number AS "number!: i64", a.lease, a.agent, a.device, a.device_index, j.sweep, j.memory_bytes, j.device AS "wants?",
                  j.exclusive AS "exclusive!: bool", j.state AS job_state, j.attempt AS job_attempt, s.stage,
                  EXISTS (SELECT 1 FROM job_inputs WHERE source = a.job) AS "has_readers!: bool"
           FROM attempts a JOIN jobs j ON j.id = a.job JOIN job_specs s ON s.job = a.job
           WHERE a.finished_ms IS NULL"#
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
            memory_bytes: row.memory_bytes as u64,
            exclusive: row.exclusive,
            has_readers: row.has_readers,
            wanted: word::<JobState>(&row.job_state)? == JobState::Running && row.job_attempt == row.number,
        });
    }
    Ok(live)
}
