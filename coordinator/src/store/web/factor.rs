//! A second factor is shown, and used up by it.

use super::super::{StoreError, Tx};

/// What was shown. It is looked at once more where it is used up.
#[derive(Debug, Clone)]
pub enum Factor {
    /// A code of that time step, made from that seed.
    Step { sealed: Vec<u8>, step: i64 },
    /// A recovery code, with that hash.
    Code { hash: String },
}

pub(super) async fn use_factor(tx: &mut Tx<'_>, user: &str, factor: &Factor) -> Result<(), StoreError> {
    match factor {
        Factor::Step { sealed, step } => use_step(tx, user, sealed, *step).await,
        Factor::Code { hash } => use_code(tx, user, hash).await,
    }
}

async fn use_step(tx: &mut Tx<'_>, user: &str, sealed: &[u8], step: i64) -> Result<(), StoreError> {
    let used = sqlx::query!(
        "UPDATE users SET totp_step = ?1 WHERE name = ?2 AND totp_sealed = ?3 AND totp_step < ?1",
        step,
        user,
        sealed
    )
    .execute(&mut *tx.conn)
    .await?;
    if used.rows_affected() != 1 {
        return Err(StoreError::Refused("this code was used already; wait for the next one".to_owned()));
    }
    Ok(())
}

async fn use_code(tx: &mut Tx<'_>, user: &str, hash: &str) -> Result<(), StoreError> {
    let used = sqlx::query!(
        "UPDATE recovery_codes SET used_ms = ? WHERE user = ? AND hash = ? AND used_ms IS NULL",
        tx.now_ms,
        user,
        hash
    )
    .execute(&mut *tx.conn)
    .await?;
    if used.rows_affected() != 1 {
        return Err(StoreError::Refused("this recovery code is wrong, or was used already".to_owned()));
    }
    let left = super::read::count_codes(&mut *tx.conn, user).await?;
    tx.note_world(user, "recovery_code_used", format!("{left} left"));
    Ok(())
}
