//! Sessions end.

use super::super::{Command, StoreError, Tx};

/// Which of a user's.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one with this hash.
    One(String),
    AllBut(String),
}

/// Ends a user's sessions, within whatever made them worthless: the user is removed, or has another role or password. Not those
/// that the holder of the home's own token has under the same name. Answers how many; nothing is noted.
pub async fn end_sessions(tx: &mut Tx<'_>, user: &str) -> Result<u64, StoreError> {
    tx.changes.access = true;
    let ended = sqlx::query!("DELETE FROM sessions WHERE user = ? AND origin <> 'home'", user);
    Ok(ended.execute(&mut *tx.conn).await?.rows_affected())
}

/// A user ends sessions of their own.
#[derive(Debug, Clone)]
pub struct EndSessions {
    pub user: String,
    /// Of the user, and not of somebody of this name with the home's own token.
    pub account: bool,
    pub which: Which,
}

impl Command for EndSessions {
    /// How many.
    type Reply = u64;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let (one, but) = match &self.which {
            Which::One(hash) => (Some(hash), None),
            Which::AllBut(hash) => (None, Some(hash)),
        };
        let ended = sqlx::query!(
            "DELETE FROM sessions
             WHERE user = ?1 AND (origin <> 'home') = ?2 AND (?3 IS NULL OR hash = ?3) AND (?4 IS NULL OR hash <> ?4)",
            self.user,
            self.account,
            one,
            but
        )
        .execute(&mut *tx.conn)
        .await?
        .rows_affected();
        if ended > 0 {
            tx.note_world(&self.user, "sessions_ended", format!("{ended}"));
            tx.changes.access = true;
        }
        Ok(ended)
    }
}
