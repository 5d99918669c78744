//! Uploaded checkpoints, from which any agent can go on. The two newest of a job are kept until it succeeds.

use sweep_shared::ids::{JobId, Token};

use super::super::audit::json;
use super::super::blobs;
use super::{BlobRef, StoreError, Tx};

pub struct New {
    pub token: Token,
    pub epoch: u32,
    pub step: u64,
    pub files: Vec<BlobRef>,
}

/// Inserts each and forgets all but the two newest of its job.
pub async fn insert(tx: &mut Tx<'_>, checkpoints: Vec<New>) -> Result<(), StoreError> {
    for New { token, epoch, step, files } in checkpoints {
        blobs::record(tx, &files).await?;
        let step = position(epoch, step);
        sqlx::query!(
            "INSERT INTO checkpoints (job, attempt, epoch, step, at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            token.job.0,
            token.attempt,
            epoch,
            step,
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        let rows = json(&files);
        sqlx::query!(
            "INSERT INTO checkpoint_files (job, attempt, epoch, step, name, hash)
             SELECT ?2, ?3, ?4, ?5, value ->> 'name', value ->> 'hash' FROM json_each(?1) WHERE true
             ON CONFLICT DO NOTHING",
            rows,
            token.job.0,
            token.attempt,
            epoch,
            step
        )
        .execute(&mut *tx.conn)
        .await?;
        sqlx::query!(
            "DELETE FROM checkpoints WHERE job = ?1 AND (attempt, epoch, step) NOT IN
                 (SELECT attempt, epoch, step FROM checkpoints WHERE job = ?1
                  ORDER BY epoch DESC, step DESC, attempt DESC LIMIT 2)",
            token.job.0
        )
        .execute(&mut *tx.conn)
        .await?;
    }
    Ok(())
}

/// What orders a job's checkpoints, kept in the column `step`: runners count steps within the epoch that is under way, so a
/// checkpoint between epochs has step 0 and only the epoch tells it from others.
pub fn position(epoch: u32, step: u64) -> i64 {
    i64::from(epoch) << 32 | i64::from(u32::try_from(step).unwrap_or(u32::MAX))
}

/// The runner's own step out of a [`position`].
pub fn step_of(position: i64) -> u64 {
    u64::from(position as u32)
}

/// Succeeded jobs need no checkpoint any more.
pub async fn drop_of(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let rows = json(&jobs);
    sqlx::query!("DELETE FROM checkpoints WHERE job IN (SELECT value FROM json_each(?))", rows)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}
