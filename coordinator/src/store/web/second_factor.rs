//! The second factor comes and goes.

use super::super::audit::json;
use super::super::{Command, StoreError, Tx};
use super::EndSessions;
use super::end::Which;
use super::factor::{Factor, use_factor};

/// From now on the password alone does not do. The user's other sessions, which began without it, end.
#[derive(Debug, Clone)]
pub struct EnableTotp {
    pub user: String,
    pub sealed: Vec<u8>,
    /// Of the code that showed that the app has the seed; it is used up.
    pub step: i64,
    /// Hashes of the recovery codes.
    pub codes: Vec<String>,
    /// The hash of the session that asks for it.
    pub session: String,
}

impl Command for EnableTotp {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let set = sqlx::query!(
            "UPDATE users SET totp_sealed = ?, totp_step = ? WHERE name = ? AND totp_sealed IS NULL AND password IS NOT NULL",
            self.sealed,
            self.step,
            self.user
        )
        .execute(&mut *tx.conn)
        .await?;
        if set.rows_affected() != 1 {
            let refusal =
                format!("{} has a second factor already, or has no password for it to be second to", self.user);
            return Err(StoreError::Refused(refusal));
        }
        replace_codes(tx, &self.user, &self.codes).await?;
        tx.note_world(&self.user, "totp_enabled", "");
        tx.changes.access = true;
        EndSessions { user: self.user, account: true, which: Which::AllBut(self.session) }.apply(tx).await?;
        Ok(())
    }
}

/// The password alone does from now on.
#[derive(Debug, Clone)]
pub struct DisableTotp {
    pub user: String,
    pub shown: Factor,
}

impl Command for DisableTotp {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        use_factor(tx, &self.user, &self.shown).await?;
        let unset = sqlx::query!(
            "UPDATE users SET totp_sealed = NULL, totp_step = 0 WHERE name = ? AND totp_sealed IS NOT NULL",
            self.user
        )
        .execute(&mut *tx.conn)
        .await?;
        if unset.rows_affected() != 1 {
            return Err(StoreError::Refused(format!("{} has no second factor", self.user)));
        }
        replace_codes(tx, &self.user, &[]).await?;
        tx.note_world(&self.user, "totp_disabled", "");
        tx.changes.access = true;
        Ok(())
    }
}

/// Fresh recovery codes; the old ones are worth nothing any more.
#[derive(Debug, Clone)]
pub struct RenewCodes {
    pub user: String,
    pub shown: Factor,
    pub codes: Vec<String>,
}

impl Command for RenewCodes {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        use_factor(tx, &self.user, &self.shown).await?;
        replace_codes(tx, &self.user, &self.codes).await?;
        tx.note_world(&self.user, "recovery_codes_renewed", "");
        Ok(())
    }
}

async fn replace_codes(tx: &mut Tx<'_>, user: &str, codes: &[String]) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user = ?", user).execute(&mut *tx.conn).await?;
    let codes = json(&codes);
    sqlx::query!("INSERT INTO recovery_codes (user, hash) SELECT ?1, value FROM json_each(?2)", user, codes)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}
