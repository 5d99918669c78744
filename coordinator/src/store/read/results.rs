//! Points and their files.

use sweep_shared::ids::{JobId, SweepId};

use super::super::audit::json;
use super::super::{Store, StoreError};

/// A point with the job that made it. A reused point bears the attempt, agent and host of the job that really ran.
#[derive(Debug, Clone)]
pub struct PointRow {
    pub job: i64,
    pub sweep: i64,
    pub stage: String,
    pub kind: String,
    pub label: String,
    pub seed: i64,
    pub key: String,
    pub params_json: String,
    pub reused: bool,
    pub point: String,
    pub attempt: i64,
    pub metrics_json: String,
    pub agent: Option<String>,
    pub host: Option<String>,
    pub resumed_epoch: i64,
    /// What the attempt that made it took of its device at most; 0: unknown.
    pub peak_memory_bytes: i64,
    /// For a measure job: the job and point that it measured.
    pub measured_job: Option<i64>,
    pub measured_point: Option<String>,
}

/// All points of a sweep, in the plan's order.
pub async fn points_of(store: &Store, sweep: SweepId) -> Result<Vec<PointRow>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM jobs WHERE sweep = ? AND dropped = 0 AND state IN ('succeeded', 'stopped')",
        sweep.0
    )
    .fetch_all(&store.readers)
    .await?;
    points_of_jobs(store, &ids.into_iter().map(JobId).collect::<Vec<_>>()).await
}

/// The points of these jobs.
pub async fn points_of_jobs(store: &Store, jobs: &[JobId]) -> Result<Vec<PointRow>, StoreError> {
    let ids = json(&jobs);
    let rows = sqlx::query_as!(
        PointRow,
        r#"SELECT j.id AS "job!: i64", j.sweep AS "sweep!: i64", s.stage AS "stage!: String", s.kind AS "kind!: String",
                  s.label AS "label!: String", s.seed AS "seed!: i64", j.key AS "key!: String",
                  s.params_json AS "params_json!: String", j.reused_from IS NOT NULL AS "reused!: bool",
                  p.name AS "point!: String", p.attempt AS "attempt!: i64", p.metrics_json AS "metrics_json!: String",
                  a.agent AS "agent?: String", g.host AS "host?: String",
                  coalesce(a.resumed_epoch, 0) AS "resumed_epoch!: i64",
                  coalesce(a.peak_memory_bytes, 0) AS "peak_memory_bytes!: i64",
                  m.source AS "measured_job?: i64", m.point AS "measured_point?: String"
           FROM json_each(?1) t
           JOIN jobs j ON j.id = t.value
           JOIN job_specs s ON s.job = j.id
           JOIN points p ON p.job = j.id
           LEFT JOIN attempts a ON a.job = coalesce(j.reused_from, j.id) AND a.number = p.attempt
           LEFT JOIN agents g ON g.id = a.agent
           LEFT JOIN job_inputs m ON m.job = j.id AND s.kind = 'measure' AND m.role = 'candidate'
           ORDER BY j.id, p.ordinal, p.name"#,
        ids
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

#[derive(Debug, Clone)]
pub struct FileRow {
    pub job: i64,
    pub point: String,
    pub name: String,
    pub hash: String,
    pub size_bytes: i64,
}

/// The files of all points of these jobs.
pub async fn files_of_jobs(store: &Store, jobs: &[JobId]) -> Result<Vec<FileRow>, StoreError> {
    let ids = json(&jobs);
    let rows = sqlx::query_as!(
        FileRow,
        r#"SELECT f.job AS "job!: i64", f.point AS "point!: String", f.name AS "name!: String", f.hash AS "hash!: String",
                  b.size_bytes AS "size_bytes!: i64"
           FROM json_each(?1) t JOIN point_files f ON f.job = t.value JOIN blobs b ON b.hash = f.hash
           ORDER BY f.job, f.point, f.name"#,
        ids
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}
