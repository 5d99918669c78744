//! Tokens are made, used, and revoked.

use sweep_shared::access::Role;

use super::super::{Command, StoreError, Tx};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Stands for a user, in this role.
    User(Role),
    /// Lets so many agents in; `None`: any number.
    Join { uses: Option<u32> },
}

impl TokenKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Join { .. } => "join",
        }
    }

    pub fn role(self) -> Role {
        match self {
            Self::User(role) => role,
            Self::Join { .. } => Role::Agent,
        }
    }
}

/// Makes a token.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub kind: TokenKind,
    pub user: String,
    /// BLAKE3 of its secret part, in hexadecimal digits.
    pub hash: String,
    pub note: String,
    pub lifetime_ms: i64,
    /// Who wants it.
    pub actor: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MadeToken {
    pub id: i64,
    pub expires_ms: i64,
}

impl Command for NewToken {
    type Reply = MadeToken;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<MadeToken, StoreError> {
        let (kind, role) = (self.kind.as_str(), self.kind.role());
        let (role, expires_ms) = (role.as_str(), tx.now_ms.saturating_add(self.lifetime_ms));
        let uses = if let TokenKind::Join { uses } = self.kind { uses } else { None };
        let id = sqlx::query_scalar!(
            "INSERT INTO tokens (kind, user, role, hash, note, created_ms, expires_ms, uses, uses_left)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?8, ?8) RETURNING id",
            kind,
            self.user,
            role,
            self.hash,
            self.note,
            tx.now_ms,
            expires_ms,
            uses
        )
        .fetch_one(&mut *tx.conn)
        .await?;
        let note = if self.note.is_empty() { String::new() } else { format!(", {:?}", self.note) };
        let of = if kind == "join" { "for agents".to_owned() } else { format!("{} as {role}", self.user) };
        tx.note_world(&self.actor, "token_created", format!("{kind} token {id}: {of}{note}"));
        tx.changes.access = true;
        Ok(MadeToken { id, expires_ms })
    }
}

/// The token counts no more.
#[derive(Debug, Clone)]
pub struct RevokeToken {
    pub id: i64,
    /// Only if it is this user's; `None`: whosever.
    pub of: Option<String>,
    pub actor: String,
}

impl Command for RevokeToken {
    /// Whether this is news.
    type Reply = bool;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let row = sqlx::query!("SELECT kind, user, revoked_ms FROM tokens WHERE id = ?", self.id)
            .fetch_optional(&mut *tx.conn)
            .await?
            .filter(|row| self.of.as_ref().is_none_or(|of| row.kind == "user" && row.user == *of))
            // Others' tokens are nobody's business: as if there were none.
            .ok_or_else(|| StoreError::Unknown(format!("token {}", self.id)))?;
        if row.revoked_ms.is_some() {
            return Ok(false);
        }
        sqlx::query!("UPDATE tokens SET revoked_ms = ? WHERE id = ?", tx.now_ms, self.id)
            .execute(&mut *tx.conn)
            .await?;
        tx.note_world(&self.actor, "token_revoked", format!("{} token {} of {}", row.kind, self.id, row.user));
        tx.changes.access = true;
        Ok(true)
    }
}

/// Notes when tokens were last used. Not told of: it changes nothing.
#[derive(Debug, Clone)]
pub struct TokenUsed {
    pub ids: Vec<i64>,
}

impl Command for TokenUsed {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let ids = super::super::audit::json(&self.ids);
        sqlx::query!("UPDATE tokens SET used_ms = ? WHERE id IN (SELECT value FROM json_each(?))", tx.now_ms, ids)
            .execute(&mut *tx.conn)
            .await?;
        Ok(())
    }
}
