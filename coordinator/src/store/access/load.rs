//! All of it, as it is now.

use sweep_shared::access::Role;

use super::super::ledger::word;
use super::super::{Store, StoreError};

#[derive(Debug, Clone)]
pub struct UserRow {
    pub name: String,
    pub role: Role,
    pub created_ms: i64,
    pub has_password: bool,
    pub has_totp: bool,
    pub signed_in_ms: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct TokenRow {
    pub id: i64,
    pub is_join: bool,
    pub user: String,
    pub role: Role,
    pub hash: String,
    pub note: String,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub revoked_ms: Option<i64>,
    pub used_ms: Option<i64>,
    pub uses: Option<u32>,
    pub uses_left: Option<u32>,
}

#[derive(Debug, Clone)]
pub struct CertificateRow {
    pub serial: String,
    pub agent: String,
    pub host: String,
    pub issued_ms: i64,
    pub expires_ms: i64,
    pub revoked_ms: Option<i64>,
}

/// Everything about who may come in.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub users: Vec<UserRow>,
    pub tokens: Vec<TokenRow>,
    pub certificates: Vec<CertificateRow>,
}

pub async fn load(store: &Store) -> Result<Rows, StoreError> {
    let mut tx = store.readers.begin().await?;
    let users = sqlx::query!(
        r#"SELECT name, role, created_ms, password IS NOT NULL AS "has_password!: bool",
                  totp_sealed IS NOT NULL AS "has_totp!: bool", signed_in_ms FROM users ORDER BY name"#
    )
    .fetch_all(&mut *tx)
    .await?
    .into_iter()
    .map(|row| {
        Ok(UserRow {
            role: word(&row.role)?,
            name: row.name,
            created_ms: row.created_ms,
            has_password: row.has_password,
            has_totp: row.has_totp,
            signed_in_ms: row.signed_in_ms,
        })
    })
    .collect::<Result<_, StoreError>>()?;
    let tokens = sqlx::query!(
        r#"SELECT id, kind = 'join' AS "is_join!: bool", user, role, hash, note, created_ms, expires_ms, revoked_ms, used_ms,
                  uses AS "uses: u32", uses_left AS "uses_left: u32" FROM tokens ORDER BY id"#
    )
    .fetch_all(&mut *tx)
    .await?
    .into_iter()
    .map(|row| {
        Ok(TokenRow {
            id: row.id,
            is_join: row.is_join,
            user: row.user,
            role: word(&row.role)?,
            hash: row.hash,
            note: row.note,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            revoked_ms: row.revoked_ms,
            used_ms: row.used_ms,
            uses: row.uses,
            uses_left: row.uses_left,
        })
    })
    .collect::<Result<_, StoreError>>()?;
    let certificates = sqlx::query_as!(
        CertificateRow,
        "SELECT serial, agent, host, issued_ms, expires_ms, revoked_ms FROM certificates ORDER BY agent, issued_ms"
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Rows { users, tokens, certificates })
}
