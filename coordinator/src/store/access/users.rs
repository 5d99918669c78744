//! Users are added, changed, and removed.

use sweep_shared::access::Role;

use super::super::web::end_sessions;
use super::super::{Command, StoreError, Tx};

/// Adds a user, or changes one.
#[derive(Debug, Clone)]
pub struct SetUser {
    pub name: String,
    /// `None`: as it is; of a new one `user`.
    pub role: Option<Role>,
    /// In the PHC format; `None`: as it is.
    pub password: Option<String>,
    /// Forget the second factor and its recovery codes.
    pub reset_totp: bool,
    /// There must be none of this name.
    pub create: bool,
    pub actor: String,
}

impl Command for SetUser {
    /// Whether the user is new.
    type Reply = bool;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let known = sqlx::query_scalar!("SELECT role FROM users WHERE name = ?", self.name)
            .fetch_optional(&mut *tx.conn)
            .await?;
        if self.create && known.is_some() {
            return Err(StoreError::Refused(format!("there is a user {} already", self.name)));
        }
        let is_new = known.is_none();
        let role = self.role.map(Role::as_str).map(str::to_owned).or_else(|| known.clone());
        let role = role.unwrap_or_else(|| Role::User.as_str().to_owned());
        sqlx::query!(
            "INSERT INTO users (name, role, created_ms, password) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET role = excluded.role, password = coalesce(excluded.password, password)",
            self.name,
            role,
            tx.now_ms,
            self.password
        )
        .execute(&mut *tx.conn)
        .await?;
        let mut changed = Vec::new();
        if is_new || known.as_ref() != Some(&role) {
            changed.push(format!("role {role}"));
        }
        if self.password.is_some() {
            changed.push("password".to_owned());
        }
        if self.reset_totp {
            sqlx::query!("UPDATE users SET totp_sealed = NULL, totp_step = 0 WHERE name = ?", self.name)
                .execute(&mut *tx.conn)
                .await?;
            sqlx::query!("DELETE FROM recovery_codes WHERE user = ?", self.name).execute(&mut *tx.conn).await?;
            changed.push("second factor forgotten".to_owned());
        }
        if !is_new && !changed.is_empty() {
            end_sessions(tx, &self.name).await?;
        }
        let what = if is_new { "user_added" } else { "user_changed" };
        tx.note_world(&self.actor, what, format!("{}: {}", self.name, changed.join(", ")));
        tx.changes.access = true;
        Ok(is_new)
    }
}

/// The user, with all that stands in the name, is gone. Sweeps stay.
#[derive(Debug, Clone)]
pub struct RemoveUser {
    pub name: String,
    pub actor: String,
}

impl Command for RemoveUser {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let gone = sqlx::query!("DELETE FROM users WHERE name = ?", self.name).execute(&mut *tx.conn).await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Unknown(format!("user {}", self.name)));
        }
        end_sessions(tx, &self.name).await?;
        sqlx::query!(
            "UPDATE tokens SET revoked_ms = ? WHERE user = ? AND kind = 'user' AND revoked_ms IS NULL",
            tx.now_ms,
            self.name
        )
        .execute(&mut *tx.conn)
        .await?;
        tx.note_world(&self.actor, "user_removed", self.name);
        tx.changes.access = true;
        Ok(())
    }
}
