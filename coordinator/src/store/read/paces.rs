//! How long attempts took that had everything: those that succeeded, from the beginning, with whole batches.

use super::super::{Store, StoreError};

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub likeness: String,
    pub device: String,
    pub run_s: f64,
    /// Ends of epochs that it told of, and the seconds that their training took together.
    pub epochs: i64,
    pub epochs_s: f64,
    pub spec_json: String,
}

/// The newest, newest first.
pub async fn newest_runs(store: &Store, limit: u32) -> Result<Vec<RunRow>, StoreError> {
    let rows = sqlx::query_as!(
        RunRow,
        r#"SELECT s.likeness AS "likeness!: String", a.device AS "device!: String", a.run_s AS "run_s!: f64",
                  (SELECT count(*) FROM epochs e WHERE e.job = a.job AND e.attempt = a.number) AS "epochs!: i64",
                  coalesce((SELECT total(e.metrics_json ->> '$.seconds') FROM epochs e
                            WHERE e.job = a.job AND e.attempt = a.number), 0.0) AS "epochs_s!: f64",
                  s.spec_json AS "spec_json!: String"
           FROM attempts a JOIN job_specs s ON s.job = a.job
           WHERE a.state = 'succeeded' AND a.run_s > 0 AND a.micro_batches = 1 AND a.resumed_attempt = 0
                 AND a.resumed_epoch = 0 AND s.likeness <> ''
           ORDER BY a.finished_ms DESC LIMIT ?"#,
        limit
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}
