//! Devices that failed under jobs lately.

use sweep_shared::ids::JobId;
use sweep_shared::resources::DeviceClass;
use sweep_shared::states::FailureClass;

use super::super::{Store, StoreError};

/// One such failure.
#[derive(Debug, Clone)]
pub struct DeviceFault {
    pub job: JobId,
    pub agent: String,
    pub device: DeviceClass,
    pub device_index: u32,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Those since then, of jobs that have not ended.
pub async fn device_faults(store: &Store, since_ms: i64) -> Result<Vec<DeviceFault>, StoreError> {
    let class = FailureClass::DeviceError.as_str();
    let rows = sqlx::query!(
        r#"SELECT a.job AS "job!: i64", a.agent AS "agent!: String", a.device AS "device!: String",
                  a.device_index AS "device_index!: i64", a.finished_ms AS "at_ms!: i64"
           FROM jobs j JOIN attempts a ON a.job = j.id
           WHERE j.state IN ('ready', 'running', 'paused') AND a.failure_class = ?1 AND a.finished_ms > ?2
           ORDER BY a.finished_ms"#,
        class,
        since_ms
    )
    .fetch_all(&store.readers)
    .await?;
    let mut faults = Vec::with_capacity(rows.len());
    for row in rows {
        let device = sweep_shared::wire::device_class(&row.device).map_err(|e| StoreError::Refused(e.to_string()))?;
        let (job, device_index) = (JobId(row.job), row.device_index as u32);
        faults.push(DeviceFault { job, agent: row.agent, device, device_index, at_ms: row.at_ms });
    }
    Ok(faults)
}
