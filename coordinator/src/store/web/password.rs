//! A user chooses another password.

use super::super::{Command, StoreError, Tx};
use super::end::end_sessions;

#[derive(Debug, Clone)]
pub struct SetPassword {
    pub user: String,
    /// The hash that the user has shown the password of; `None`: there was none.
    pub old: Option<String>,
    pub new: String,
}

impl Command for SetPassword {
    /// How many sessions this ended: all.
    type Reply = u64;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let set = sqlx::query!(
            "UPDATE users SET password = ?1 WHERE name = ?2 AND password IS ?3",
            self.new,
            self.user,
            self.old
        )
        .execute(&mut *tx.conn)
        .await?;
        if set.rows_affected() != 1 {
            return Err(StoreError::Refused(format!("the password of {} was changed a moment ago", self.user)));
        }
        tx.note_world(&self.user, "password_changed", "");
        end_sessions(tx, &self.user).await
    }
}
