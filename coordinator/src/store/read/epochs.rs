//! What jobs told at the ends of their epochs.

use sweep_shared::ids::JobId;

use super::super::{Store, StoreError};

/// One end of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRow {
    pub attempt: i64,
    pub epoch: i64,
    pub epochs: i64,
    pub phase: String,
    pub metrics_json: String,
    pub at_ms: i64,
}

/// The attempts at a job, newest first: number, and whose checkpoint it went on from at which epoch (0, 0: from the beginning).
pub type Chain = Vec<(i64, i64, i64)>;

/// The job's attempts and all that they told; of a reused job, those of the one that really ran.
pub async fn epochs_of(store: &Store, job: JobId) -> Result<(Chain, Vec<EpochRow>), StoreError> {
    let ran = sqlx::query_scalar!(r#"SELECT coalesce(reused_from, id) AS "ran!: i64" FROM jobs WHERE id = ?"#, job.0)
        .fetch_optional(&store.readers)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("job {job}")))?;
    let chain = sqlx::query!(
        "SELECT number, resumed_attempt, resumed_epoch FROM attempts WHERE job = ? ORDER BY number DESC",
        ran
    )
    .fetch_all(&store.readers)
    .await?;
    let rows = sqlx::query_as!(
        EpochRow,
        "SELECT attempt, epoch, epochs, phase, metrics_json, at_ms FROM epochs WHERE job = ? ORDER BY epoch, attempt",
        ran
    )
    .fetch_all(&store.readers)
    .await?;
    Ok((chain.into_iter().map(|row| (row.number, row.resumed_attempt, row.resumed_epoch)).collect(), rows))
}
