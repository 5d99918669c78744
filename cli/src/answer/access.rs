//! Who may come in, as the coordinator has it.

use std::time::SystemTime;

use sweep_shared::wire::v1;

use super::instant;

/// Who we are to the coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub name: String,
    pub role: String,
    /// When what we showed expires.
    pub expires: Option<SystemTime>,
}

impl From<v1::WhoAmIReply> for Caller {
    fn from(reply: v1::WhoAmIReply) -> Self {
        Self { name: reply.name, role: reply.role, expires: instant(reply.expires_ms) }
    }
}

/// A token, without what is secret of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub id: i64,
    pub kind: String,
    pub user: String,
    pub role: String,
    pub note: String,
    pub created: Option<SystemTime>,
    pub expires: Option<SystemTime>,
    pub revoked: Option<SystemTime>,
    pub used: Option<SystemTime>,
    /// How many agents may, and may still, join with it; `None`: any number.
    pub uses: Option<(u32, u32)>,
}

impl From<v1::TokenRow> for TokenRow {
    fn from(row: v1::TokenRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            user: row.user,
            role: row.role,
            note: row.note,
            created: instant(row.created_ms),
            expires: instant(row.expires_ms),
            revoked: instant(row.revoked_ms),
            used: instant(row.used_ms),
            uses: (row.uses > 0).then_some((row.uses, row.uses_left)),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: String,
    pub created: Option<SystemTime>,
    pub has_password: bool,
    pub has_totp: bool,
    pub signed_in: Option<SystemTime>,
}

impl From<v1::UserRow> for User {
    fn from(row: v1::UserRow) -> Self {
        Self {
            name: row.name,
            role: row.role,
            created: instant(row.created_ms),
            has_password: row.has_password,
            has_totp: row.has_totp,
            signed_in: instant(row.signed_in_ms),
        }
    }
}

/// An agent's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub agent: String,
    pub host: String,
    pub issued: Option<SystemTime>,
    pub expires: Option<SystemTime>,
    pub revoked: Option<SystemTime>,
}

impl From<v1::CertificateRow> for Certificate {
    fn from(row: v1::CertificateRow) -> Self {
        Self {
            agent: row.agent,
            host: row.host,
            issued: instant(row.issued_ms),
            expires: instant(row.expires_ms),
            revoked: instant(row.revoked_ms),
        }
    }
}
