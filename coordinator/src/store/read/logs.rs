//! Which log is meant.

use sweep_shared::ids::JobId;

use super::super::{Store, StoreError};

/// The number of the job's newest attempt (0: none yet), following a reused job to the one that ran; and whether it is over.
pub async fn newest_attempt(store: &Store, job: JobId) -> Result<(JobId, u32, bool), StoreError> {
    let row = sqlx::query!(
        r#"SELECT coalesce(r.id, j.id) AS "id!: i64", coalesce(r.attempt, j.attempt) AS "attempt!: i64",
                  j.finished_ms IS NOT NULL AS "over!: bool"
           FROM jobs j LEFT JOIN jobs r ON r.id = j.reused_from WHERE j.id = ?"#,
        job.0
    )
    .fetch_optional(&store.readers)
    .await?
    .ok_or_else(|| StoreError::Unknown(format!("job {job}")))?;
    Ok((JobId(row.id), row.attempt as u32, row.over))
}
