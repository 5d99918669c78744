//! The attempts at jobs: where each ran, what it went on from, how it ended.

use sweep_shared::ids::JobId;

use super::super::audit::json;
use super::super::{Store, StoreError};

/// One try at a job. 0 and the empty text stand for what has not happened.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRow {
    pub job: i64,
    pub number: i64,
    pub state: String,
    pub agent: String,
    pub device: String,
    pub device_index: i64,
    pub granted_ms: i64,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub run_s: Option<f64>,
    /// Whose checkpoint it went on from; 0: from the beginning.
    pub resumed_attempt: i64,
    pub resumed_epoch: i64,
    pub failure_class: Option<String>,
    pub message: String,
    /// The last epoch that it told of, and of how many.
    pub epoch: i64,
    pub epochs: i64,
    /// Into how many parts each batch was split.
    pub micro_batches: i64,
    /// What it was seen to take of its device at most, and what was reserved for it; 0: unknown.
    pub peak_memory_bytes: i64,
    pub memory_bytes: i64,
}

/// Of these jobs, in the order of their ids, the oldest of each first.
pub async fn attempts_of(store: &Store, jobs: &[JobId]) -> Result<Vec<AttemptRow>, StoreError> {
    let jobs = json(&jobs);
    let rows = sqlx::query_as!(
        AttemptRow,
        r#"SELECT a.job AS "job!: i64", a.number AS "number!: i64", a.state AS "state!: String", a.agent AS "agent!: String",
                  a.device AS "device!: String", a.device_index AS "device_index!: i64", a.granted_ms AS "granted_ms!: i64",
                  a.started_ms AS "started_ms?: i64", a.finished_ms AS "finished_ms?: i64", a.run_s AS "run_s?: f64",
                  a.resumed_attempt AS "resumed_attempt!: i64", a.resumed_epoch AS "resumed_epoch!: i64",
                  a.failure_class AS "failure_class?: String", a.message AS "message!: String",
                  coalesce(e.epoch, 0) AS "epoch!: i64", coalesce(e.epochs, 0) AS "epochs!: i64",
                  a.micro_batches AS "micro_batches!: i64", a.peak_memory_bytes AS "peak_memory_bytes!: i64",
                  a.memory_bytes AS "memory_bytes!: i64"
           FROM json_each(?1) t JOIN attempts a ON a.job = t.value
           LEFT JOIN epochs e ON e.job = a.job AND e.attempt = a.number
                AND e.epoch = (SELECT max(x.epoch) FROM epochs x WHERE x.job = a.job AND x.attempt = a.number)
           ORDER BY a.job, a.number"#,
        jobs
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}
