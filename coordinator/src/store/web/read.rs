//! What is asked of people and their sessions. Each answer is of one whole commit.

use std::time::Duration;

use sqlx::SqliteExecutor;
use sweep_shared::access::Role;

use super::super::{Store, StoreError};

/// How a session began.
pub(super) mod origin {
    pub const PASSWORD: &str = "password";
    pub const TOKEN: &str = "token";
    pub const HOME: &str = "home";
}

/// What is known of a user who wants to sign in.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    /// In the PHC format.
    pub password: Option<String>,
    pub totp_sealed: Option<Vec<u8>>,
}

pub async fn account(store: &Store, name: &str) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query!("SELECT name, password, totp_sealed FROM users WHERE name = ?", name)
        .fetch_optional(&store.readers)
        .await?;
    Ok(row.map(|row| Account { name: row.name, password: row.password, totp_sealed: row.totp_sealed }))
}

/// A session that may still be used, but for its age, which whoever asks looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub hash: String,
    pub user: String,
    /// Not above the user's own at this time.
    pub role: Role,
    /// The user may do no more than this session may.
    pub full: bool,
    /// It is of a user, and not of the home's own token.
    pub account: bool,
    pub place: String,
    pub created_ms: i64,
    pub seen_ms: i64,
    pub expires_ms: i64,
}

/// `None`: there is none, or what it was begun with counts no more.
pub async fn session(store: &Store, hash: &str, now_ms: i64) -> Result<Option<SessionRow>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT s.user AS "user!: String", s.role AS "role!: String", s.origin AS "origin!: String",
                  s.place AS "place!: String", s.created_ms AS "created_ms!: i64", s.seen_ms AS "seen_ms!: i64",
                  s.expires_ms AS "expires_ms!: i64", u.role AS "of_user?: String"
           FROM sessions s LEFT JOIN users u ON u.name = s.user AND s.origin <> 'home' LEFT JOIN tokens t ON t.id = s.token
           WHERE s.hash = ?1 AND (s.origin <> 'token' OR (t.revoked_ms IS NULL AND t.expires_ms > ?2))"#,
        hash,
        now_ms
    )
    .fetch_optional(&store.readers)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let held = role(&row.role)?;
    let account = row.origin != origin::HOME;
    let (role, full) = match row.of_user {
        Some(text) => {
            let own = role(&text)?;
            (weaker(held, own), weaker(held, own) == own)
        }
        None if account => return Ok(None),
        None => (held, true),
    };
    let (hash, user, place) = (hash.to_owned(), row.user, row.place);
    let (created_ms, seen_ms, expires_ms) = (row.created_ms, row.seen_ms, row.expires_ms);
    Ok(Some(SessionRow { hash, user, role, full, account, place, created_ms, seen_ms, expires_ms }))
}

/// One of a user's sessions, as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSession {
    pub hash: String,
    pub place: String,
    pub created_ms: i64,
    pub seen_ms: i64,
}

/// Those that may still be used, the last used first. `account`: the user's, or else those that somebody of this name has with
/// the home's own token.
pub async fn sessions_of(
    store: &Store,
    user: &str,
    account: bool,
    now_ms: i64,
    idle: Duration,
) -> Result<Vec<OwnSession>, StoreError> {
    let idle_since = now_ms - idle.as_millis() as i64;
    let rows = sqlx::query_as!(
        OwnSession,
        "SELECT s.hash, s.place, s.created_ms, s.seen_ms FROM sessions s LEFT JOIN tokens t ON t.id = s.token
         WHERE s.user = ?1 AND (s.origin <> 'home') = ?2 AND s.expires_ms > ?3 AND s.seen_ms > ?4
           AND (s.origin <> 'token' OR (t.revoked_ms IS NULL AND t.expires_ms > ?3))
         ORDER BY s.seen_ms DESC, s.created_ms DESC",
        user,
        account,
        now_ms,
        idle_since
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// Whether the user has signed in from this network before.
pub async fn has_been_at(store: &Store, user: &str, place: &str) -> Result<bool, StoreError> {
    let known =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!: i64" FROM places WHERE user = ? AND place = ?"#, user, place)
            .fetch_one(&store.readers)
            .await?;
    Ok(known > 0)
}

/// Recovery codes that were not used yet.
pub async fn codes_left(store: &Store, user: &str) -> Result<i64, StoreError> {
    count_codes(&store.readers, user).await
}

pub(super) async fn count_codes(on: impl SqliteExecutor<'_>, user: &str) -> Result<i64, StoreError> {
    let left = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!: i64" FROM recovery_codes WHERE user = ? AND used_ms IS NULL"#,
        user
    )
    .fetch_one(on)
    .await?;
    Ok(left)
}

/// A role as the database has it.
fn role(text: &str) -> Result<Role, StoreError> {
    text.parse().map_err(|error| StoreError::Refused(format!("the database: {error}")))
}

/// The one of the two that may do less.
pub(super) fn weaker(one: Role, other: Role) -> Role {
    if one.covers(other) { other } else { one }
}
