//! A session is in use.

use super::super::{Command, StoreError, Tx};

/// Sent now and then, not with each request.
#[derive(Debug, Clone)]
pub struct Touch {
    pub hash: String,
}

impl Command for Touch {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query!("UPDATE sessions SET seen_ms = max(seen_ms, ?) WHERE hash = ?", tx.now_ms, self.hash)
            .execute(&mut *tx.conn)
            .await?;
        Ok(())
    }
}
