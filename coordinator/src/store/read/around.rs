//! What a job reads, and what reads it.

use sweep_shared::ids::JobId;

use super::super::{Store, StoreError};

/// A job beside another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourRow {
    pub id: i64,
    pub stage: String,
    pub label: String,
    pub state: String,
    /// As what its result is read: `input`, `teacher`.
    pub role: String,
    /// Which of its points.
    pub point: String,
}

/// What the job reads, in the order in which it does.
pub async fn inputs_of(store: &Store, job: JobId) -> Result<Vec<NeighbourRow>, StoreError> {
    let rows = sqlx::query_as!(
        NeighbourRow,
        r#"SELECT f.id AS "id!: i64", s.stage AS "stage!: String", s.label AS "label!: String", f.state AS "state!: String",
                  i.role AS "role!: String", i.point AS "point!: String"
           FROM job_inputs i JOIN jobs f ON f.id = i.source JOIN job_specs s ON s.job = f.id
           WHERE i.job = ? ORDER BY i.ordinal"#,
        job.0
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// What reads the job's points, at most so many; and how many do.
pub async fn readers_of(store: &Store, job: JobId, limit: u32) -> Result<(Vec<NeighbourRow>, u64), StoreError> {
    let rows = sqlx::query_as!(
        NeighbourRow,
        r#"SELECT t.id AS "id!: i64", s.stage AS "stage!: String", s.label AS "label!: String", t.state AS "state!: String",
                  i.role AS "role!: String", i.point AS "point!: String"
           FROM job_inputs i JOIN jobs t ON t.id = i.job JOIN job_specs s ON s.job = t.id
           WHERE i.source = ? AND t.dropped = 0 ORDER BY t.id LIMIT ?"#,
        job.0,
        limit
    )
    .fetch_all(&store.readers)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "total!: i64" FROM job_inputs i JOIN jobs t ON t.id = i.job WHERE i.source = ? AND t.dropped = 0"#,
        job.0
    )
    .fetch_one(&store.readers)
    .await?;
    Ok((rows, total as u64))
}

/// The hash of one file of one of the job's points.
pub async fn file_of(store: &Store, job: JobId, point: &str, name: &str) -> Result<Option<String>, StoreError> {
    let hash = sqlx::query_scalar!(
        "SELECT hash FROM point_files WHERE job = ? AND point = ? AND name = ?",
        job.0,
        point,
        name
    )
    .fetch_optional(&store.readers)
    .await?;
    Ok(hash)
}

/// The sweep's plan as it was submitted (or amended), and where it came from.
pub async fn plan_of(store: &Store, sweep: sweep_shared::ids::SweepId) -> Result<(String, String), StoreError> {
    let row = sqlx::query!("SELECT plan_yaml, plan_path FROM sweeps WHERE id = ?", sweep.0)
        .fetch_optional(&store.readers)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("sweep {sweep}")))?;
    Ok((row.plan_yaml, row.plan_path))
}
