//! The wall clock was set: what is measured from or up to now moves with it.

use super::{Command, StoreError, Tx};

/// No notice waits for longer, whatever its server said.
const LONGEST_COPY_MS: i64 = 24 * 60 * 60_000;

/// Moves waits and ages, and bounds the waits.
#[derive(Debug, Clone)]
pub struct ClockMoved {
    /// Milliseconds forward; back, if negative.
    pub by_ms: i64,
    /// No job waits for longer than this from now on.
    pub longest_wait_ms: i64,
}

impl Command for ClockMoved {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        // The transaction's time is the new one.
        let latest = tx.now_ms + self.longest_wait_ms;
        let latest_copy = tx.now_ms + LONGEST_COPY_MS;
        sqlx::query!(
            "UPDATE notice_copies SET not_before_ms = min(not_before_ms + ?1, ?2) WHERE state = 'queued'
             AND not_before_ms <> min(not_before_ms + ?1, ?2)",
            self.by_ms,
            latest_copy
        )
        .execute(&mut *tx.conn)
        .await?;
        sqlx::query!(
            "UPDATE jobs SET not_before_ms = min(not_before_ms + ?1, ?2) WHERE state = 'ready' AND not_before_ms > 0
             AND not_before_ms <> min(not_before_ms + ?1, ?2)",
            self.by_ms,
            latest
        )
        .execute(&mut *tx.conn)
        .await?;
        if self.by_ms == 0 {
            return Ok(());
        }
        sqlx::query!("UPDATE jobs SET changed_ms = changed_ms + ?1 WHERE state = 'ready'", self.by_ms)
            .execute(&mut *tx.conn)
            .await?;
        sqlx::query!(
            "UPDATE attempts SET granted_ms = granted_ms + ?1, started_ms = started_ms + ?1 WHERE finished_ms IS NULL",
            self.by_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        let seconds = self.by_ms / 1000;
        let way = if seconds < 0 { "back" } else { "forward" };
        tx.note_world(
            super::audit::SWEEP,
            "clock_set",
            format!("the machine's clock was set {way} by {} s", seconds.abs()),
        );
        Ok(())
    }
}
