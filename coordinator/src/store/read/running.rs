//! Attempts that live, as people see them at their agents.

use super::super::{Store, StoreError};

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningRow {
    pub job: i64,
    pub attempt: i64,
    pub sweep: i64,
    pub sweep_name: String,
    pub stage: String,
    pub label: String,
    pub seed: i64,
    pub agent: String,
    pub device: String,
    pub device_index: i64,
    /// `leased`, `running`, `finishing`.
    pub state: String,
    pub since_ms: i64,
    /// Reserved for it on its device.
    pub memory_bytes: i64,
    /// The last epoch that it told of, and of how many.
    pub epoch: i64,
    pub epochs: i64,
}

/// All of them, or an agent's; by agent, device and age.
pub async fn running(store: &Store, agent: Option<&str>) -> Result<Vec<RunningRow>, StoreError> {
    let rows = sqlx::query_as!(
        RunningRow,
        r#"SELECT a.job AS "job!: i64", a.number AS "attempt!: i64", j.sweep AS "sweep!: i64", w.name AS "sweep_name!: String",
                  s.stage AS "stage!: String", s.label AS "label!: String", s.seed AS "seed!: i64", a.agent AS "agent!: String",
                  a.device AS "device!: String", a.device_index AS "device_index!: i64", a.state AS "state!: String",
                  coalesce(a.started_ms, a.granted_ms) AS "since_ms!: i64", a.memory_bytes AS "memory_bytes!: i64",
                  coalesce(e.epoch, 0) AS "epoch!: i64", coalesce(e.epochs, 0) AS "epochs!: i64"
           FROM attempts a JOIN jobs j ON j.id = a.job JOIN job_specs s ON s.job = a.job JOIN sweeps w ON w.id = j.sweep
           LEFT JOIN epochs e ON e.job = a.job AND e.attempt = a.number
                AND e.epoch = (SELECT max(x.epoch) FROM epochs x WHERE x.job = a.job AND x.attempt = a.number)
           WHERE a.finished_ms IS NULL AND (?1 IS NULL OR a.agent = ?1)
           ORDER BY a.agent, a.device DESC, a.device_index, a.granted_ms, a.job"#,
        agent
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}
