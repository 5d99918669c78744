//! Uploaded checkpoints, from which any agent can go on. The two newest of a job are kept until it succeeds.

use std::collections::BTreeSet;

use sweep_shared::ids::{ContentHash, JobId, Token};

use super::super::audit::{SWEEP, json};
use super::super::{Store, blobs};
use super::{BlobRef, Command, StoreError, Tx};

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

/// Forgets these checkpoints: their bytes are gone.
#[derive(Debug, Clone)]
struct DropCheckpoints {
    places: Vec<Place>,
}

/// Job, attempt, epoch, position.
type Place = (i64, i64, i64, i64);

impl Command for DropCheckpoints {
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let rows = json(&self.places);
        let done = sqlx::query!(
            "DELETE FROM checkpoints WHERE (job, attempt, epoch, step) IN
                 (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?))",
            rows
        )
        .execute(&mut *tx.conn)
        .await?
        .rows_affected();
        tx.note_world(SWEEP, "checkpoints_dropped", format!("{done}, because their files are gone"));
        Ok(done as u32)
    }
}

impl Store {
    /// Forgets the checkpoints of which a file is gone, as `has` tells, so that no attempt is sent to fetch them. A database
    /// that was restored from a backup may know such. Answers how many.
    pub async fn drop_broken_checkpoints(&self, has: impl Fn(&ContentHash) -> bool) -> Result<u32, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT job AS "job!: i64", attempt AS "attempt!: i64", epoch AS "epoch!: i64", step AS "step!: i64", hash
               FROM checkpoint_files"#
        )
        .fetch_all(&self.readers)
        .await?;
        let gone = rows.into_iter().filter(|row| {
            let hash = ContentHash::try_from(row.hash.clone());
            !hash.is_ok_and(|hash| has(&hash))
        });
        let places: BTreeSet<Place> = gone.map(|row| (row.job, row.attempt, row.epoch, row.step)).collect();
        if places.is_empty() {
            return Ok(0);
        }
        self.write(DropCheckpoints { places: places.into_iter().collect() }).await
    }
}
