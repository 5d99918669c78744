//! Somebody signs in.

use std::time::Duration;

use sweep_shared::access::Role;

use super::super::{Command, StoreError, Tx};
use super::factor::{Factor, use_factor};
use super::read::{origin, weaker};

/// What somebody has proved. Each holds what it was compared with, to be looked at once more when the session begins.
#[derive(Debug, Clone)]
pub enum Proof {
    /// The password of a user who has no second factor.
    Password { phc: String },
    /// The password, and the second factor.
    Both { phc: String, factor: Factor },
    /// A link, bought with that token of the user's in that role.
    Token { id: i64, role: Role },
    /// A link, bought with the home's own token by somebody who need not be a user.
    Home,
}

#[derive(Debug, Clone)]
pub struct BeginSession {
    pub user: String,
    pub proof: Proof,
    /// Of the cookie that the browser will have.
    pub hash: String,
    /// Of the one that it had.
    pub replaces: Option<String>,
    /// A network.
    pub place: String,
    /// How long the session may last at most, and without being used.
    pub absolute: Duration,
    pub idle: Duration,
    /// How many sessions one user may have; the one that was not used for the longest time ends for a new one.
    pub most: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub role: Role,
    pub expires_ms: i64,
}

/// Networks that are remembered of one user.
const MOST_PLACES: i64 = 200;

impl Command for BeginSession {
    type Reply = Begun;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Begun, StoreError> {
        let (role, until_ms) = self.proven(tx).await?;
        let expires_ms = until_ms.min(tx.now_ms + self.absolute.as_millis() as i64);
        self.make_room(tx).await?;
        let (role_text, (origin, token)) = (role.as_str(), self.origin());
        sqlx::query!(
            "INSERT INTO sessions (hash, user, role, place, created_ms, seen_ms, expires_ms, origin, token)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8)",
            self.hash,
            self.user,
            role_text,
            self.place,
            tx.now_ms,
            expires_ms,
            origin,
            token
        )
        .execute(&mut *tx.conn)
        .await?;
        self.note(tx, role).await?;
        tx.changes.access = true;
        Ok(Begun { role, expires_ms })
    }
}

fn changed(user: &str) -> StoreError {
    StoreError::Refused(format!("the account of {user} was changed a moment ago; sign in again"))
}

impl BeginSession {
    fn origin(&self) -> (&'static str, Option<i64>) {
        match self.proof {
            Proof::Password { .. } | Proof::Both { .. } => (origin::PASSWORD, None),
            Proof::Token { id, .. } => (origin::TOKEN, Some(id)),
            Proof::Home => (origin::HOME, None),
        }
    }

    /// Whether the proof still holds; uses it up. Answers the session's role, and until when it may last for the proof's sake.
    async fn proven(&self, tx: &mut Tx<'_>) -> Result<(Role, i64), StoreError> {
        if matches!(self.proof, Proof::Home) {
            return Ok((Role::Admin, i64::MAX));
        }
        let user = sqlx::query!("SELECT role, password, totp_sealed FROM users WHERE name = ?", self.user)
            .fetch_optional(&mut *tx.conn)
            .await?
            .ok_or_else(|| changed(&self.user))?;
        let role: Role = user.role.parse().map_err(|error| StoreError::Refused(format!("{error}")))?;
        let same = |phc: &str| user.password.as_deref() == Some(phc);
        match &self.proof {
            Proof::Home => {}
            Proof::Password { phc } if same(phc) && user.totp_sealed.is_none() => {}
            Proof::Both { phc, factor } if same(phc) && user.totp_sealed.is_some() => {
                use_factor(tx, &self.user, factor).await?;
            }
            Proof::Token { id, role: held } => return Ok((weaker(*held, role), self.token_expiry(tx, *id).await?)),
            Proof::Password { .. } | Proof::Both { .. } => return Err(changed(&self.user)),
        }
        Ok((role, i64::MAX))
    }

    async fn token_expiry(&self, tx: &mut Tx<'_>, id: i64) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            r#"SELECT expires_ms AS "expires_ms!: i64" FROM tokens
               WHERE id = ? AND user = ? AND kind = 'user' AND revoked_ms IS NULL AND expires_ms > ?"#,
            id,
            self.user,
            tx.now_ms
        )
        .fetch_optional(&mut *tx.conn)
        .await?
        .ok_or_else(|| {
            StoreError::Refused("the token that this link was made with has expired or was revoked".to_owned())
        })
    }

    /// What has expired goes, whoever's it is; and of this user's the ones that were not used for the longest time.
    async fn make_room(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let idle_since = tx.now_ms - self.idle.as_millis() as i64;
        sqlx::query!(
            "DELETE FROM sessions WHERE expires_ms <= ?1 OR seen_ms <= ?2 OR hash = ?3",
            tx.now_ms,
            idle_since,
            self.replaces
        )
        .execute(&mut *tx.conn)
        .await?;
        let others = i64::from(self.most.saturating_sub(1));
        sqlx::query!(
            "DELETE FROM sessions WHERE user = ?1 AND hash NOT IN
                 (SELECT hash FROM sessions WHERE user = ?1 ORDER BY seen_ms DESC, created_ms DESC LIMIT ?2)",
            self.user,
            others
        )
        .execute(&mut *tx.conn)
        .await?;
        Ok(())
    }

    async fn note(&self, tx: &mut Tx<'_>, role: Role) -> Result<(), StoreError> {
        let by = match self.proof {
            Proof::Password { .. } => "by password",
            Proof::Both { factor: Factor::Step { .. }, .. } => "by password and code",
            Proof::Both { factor: Factor::Code { .. }, .. } => "by password and recovery code",
            Proof::Token { .. } => "by a link, made with a token",
            Proof::Home => "by a link, made with the home's token",
        };
        let detail = format!("from {}, as {role}, {by}", self.place);
        tx.note_world(&self.user, "signed_in", detail.clone());
        if matches!(self.proof, Proof::Home) {
            return Ok(());
        }
        sqlx::query!("UPDATE users SET signed_in_ms = ? WHERE name = ?", tx.now_ms, self.user)
            .execute(&mut *tx.conn)
            .await?;
        let new = sqlx::query!(
            "INSERT INTO places (user, place, first_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            self.user,
            self.place,
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        if new.rows_affected() == 0 {
            return Ok(());
        }
        tx.note_world(&self.user, "signed_in_new_place", detail);
        sqlx::query!(
            "DELETE FROM places WHERE user = ?1 AND place NOT IN
                 (SELECT place FROM places WHERE user = ?1 ORDER BY first_ms DESC, place = ?2 DESC LIMIT ?3)",
            self.user,
            self.place,
            MOST_PLACES
        )
        .execute(&mut *tx.conn)
        .await?;
        Ok(())
    }
}
