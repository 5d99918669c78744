//! Jobs as users see them.

use sweep_shared::ids::{JobId, SweepId};

use super::super::audit::json;
use super::super::{Store, StoreError};

/// A job with its newest attempt. 0 and the empty text stand for what has not happened.
#[derive(Debug, Clone)]
pub struct JobRow {
    pub id: i64,
    pub stage: String,
    pub kind: String,
    pub label: String,
    pub seed: i64,
    pub state: String,
    pub key: String,
    pub attempt: i64,
    pub failure_class: Option<String>,
    pub message: String,
    pub reused: bool,
    pub finished_ms: Option<i64>,
    pub agent: Option<String>,
    pub started_ms: Option<i64>,
    pub resumed_epoch: i64,
    pub epoch: i64,
    pub epochs: i64,
    pub metrics_json: String,
    /// The sweep's and its own together.
    pub priority: i64,
    /// Not granted before; 0: at any time.
    pub not_before_ms: i64,
    /// The sweep's amended plan does not have it any more.
    pub dropped: bool,
}

/// All jobs of a sweep, in the plan's order; those that an amended plan added come last.
pub async fn jobs_of(store: &Store, sweep: SweepId) -> Result<Vec<JobRow>, StoreError> {
    let rows = sqlx::query_as!(
        JobRow,
        r#"SELECT j.id, s.stage, s.kind, s.label, s.seed, j.state, j.key, j.attempt, j.failure_class, j.message,
                  j.reused_from IS NOT NULL AS "reused!: bool", j.finished_ms,
                  a.agent AS "agent?", coalesce(a.started_ms, a.granted_ms) AS "started_ms?: i64",
                  coalesce(a.resumed_epoch, 0) AS "resumed_epoch!: i64", coalesce(e.epoch, 0) AS "epoch!: i64",
                  coalesce(e.epochs, 0) AS "epochs!: i64", coalesce(e.metrics_json, '{}') AS "metrics_json!: String",
                  j.priority, j.not_before_ms, j.dropped AS "dropped!: bool"
           FROM jobs j JOIN job_specs s ON s.job = j.id
           LEFT JOIN attempts a ON a.job = j.id AND a.number = j.attempt
           LEFT JOIN epochs e ON e.job = j.id AND e.attempt = j.attempt
                AND e.epoch = (SELECT max(x.epoch) FROM epochs x WHERE x.job = j.id AND x.attempt = j.attempt)
           WHERE j.sweep = ? AND j.dropped = 0 ORDER BY j.id"#,
        sweep.0
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// These jobs, in the order of their ids.
pub async fn jobs_by_id(store: &Store, ids: &[JobId]) -> Result<Vec<JobRow>, StoreError> {
    let ids = json(&ids);
    let rows = sqlx::query_as!(
        JobRow,
        r#"SELECT j.id AS "id!: i64", s.stage AS "stage!: String", s.kind AS "kind!: String",
                  s.label AS "label!: String", s.seed AS "seed!: i64", j.state AS "state!: String", j.key AS "key!: String",
                  j.attempt AS "attempt!: i64", j.failure_class AS "failure_class?: String", j.message AS "message!: String",
                  j.reused_from IS NOT NULL AS "reused!: bool", j.finished_ms AS "finished_ms?: i64",
                  a.agent AS "agent?: String", coalesce(a.started_ms, a.granted_ms) AS "started_ms?: i64",
                  coalesce(a.resumed_epoch, 0) AS "resumed_epoch!: i64", coalesce(e.epoch, 0) AS "epoch!: i64",
                  coalesce(e.epochs, 0) AS "epochs!: i64", coalesce(e.metrics_json, '{}') AS "metrics_json!: String",
                  j.priority AS "priority!: i64", j.not_before_ms AS "not_before_ms!: i64",
                  j.dropped AS "dropped!: bool"
           FROM json_each(?1) t JOIN jobs j ON j.id = t.value JOIN job_specs s ON s.job = j.id
           LEFT JOIN attempts a ON a.job = j.id AND a.number = j.attempt
           LEFT JOIN epochs e ON e.job = j.id AND e.attempt = j.attempt
                AND e.epoch = (SELECT max(x.epoch) FROM epochs x WHERE x.job = j.id AND x.attempt = j.attempt)
           ORDER BY j.id"#,
        ids
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}
