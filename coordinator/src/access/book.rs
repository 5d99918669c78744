//! What is recorded of who may come in, in memory, and what follows from it. Pure.

use std::collections::HashMap;

use sweep_shared::access::{Role, Secret, SecretKind};

use super::hash_of;
use super::principal::{Credential, Principal, Refusal, Standing};
use crate::store::access::{CertificateRow, Rows, TokenRow, UserRow};
use crate::tls::Certificate;

/// All of it.
#[derive(Debug, Default)]
pub struct Book {
    users: HashMap<String, UserRow>,
    tokens: HashMap<i64, TokenRow>,
    certificates: HashMap<String, CertificateRow>,
}

impl Book {
    pub fn new(rows: Rows) -> Self {
        Self {
            users: rows.users.into_iter().map(|row| (row.name.clone(), row)).collect(),
            tokens: rows.tokens.into_iter().map(|row| (row.id, row)).collect(),
            certificates: rows.certificates.into_iter().map(|row| (row.serial.clone(), row)).collect(),
        }
    }

    /// By name.
    pub fn users(&self) -> Vec<&UserRow> {
        let mut users: Vec<_> = self.users.values().collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        users
    }

    pub fn user(&self, name: &str) -> Option<&UserRow> {
        self.users.get(name)
    }

    /// By number.
    pub fn tokens(&self) -> Vec<&TokenRow> {
        let mut tokens: Vec<_> = self.tokens.values().collect();
        tokens.sort_by_key(|token| token.id);
        tokens
    }

    /// By agent and age.
    pub fn certificates(&self) -> Vec<&CertificateRow> {
        let mut certificates: Vec<_> = self.certificates.values().collect();
        certificates.sort_by(|a, b| (&a.agent, a.issued_ms).cmp(&(&b.agent, b.issued_ms)));
        certificates
    }

    /// Whose token it is.
    pub fn secret(&self, secret: &Secret, now_ms: i64) -> Result<Principal, Refusal> {
        let row = self.tokens.get(&secret.id).ok_or(Refusal::UnknownToken)?;
        // Hashes, so that the time of the comparison tells nothing.
        if blake3::Hash::from_hex(&row.hash).ok() != blake3::Hash::from_hex(hash_of(secret.secret())).ok()
            || row.is_join != (secret.kind == SecretKind::Join)
        {
            return Err(Refusal::UnknownToken);
        }
        let standing = self.token(row, now_ms)?;
        Ok(Principal {
            name: row.user.clone(),
            standing,
            credential: Credential::Token(row.id),
            expires_ms: Some(row.expires_ms),
        })
    }

    /// As what whoever holds this token acts now.
    fn token(&self, row: &TokenRow, now_ms: i64) -> Result<Standing, Refusal> {
        let id = row.id;
        if row.revoked_ms.is_some() {
            return Err(Refusal::TokenRevoked { id });
        }
        if row.expires_ms <= now_ms {
            return Err(if row.is_join { Refusal::JoinTokenExpired { id } } else { Refusal::TokenExpired { id } });
        }
        if row.is_join {
            return Ok(Standing::Joiner);
        }
        let user = self.users.get(&row.user).ok_or(Refusal::UserGone { id })?;
        Ok(Standing::Person(lesser(user.role, row.role)))
    }

    /// Which agent it is. One that is not in the book was signed by our CA all the same: the database may have been restored from a
    /// backup that is older than it. An agent that was ever shut out is not believed so.
    pub fn certificate(&self, shown: &Certificate, now_ms: i64) -> Result<Principal, Refusal> {
        let agent = shown.agent.clone();
        if shown.expires_ms <= now_ms {
            return Err(Refusal::CertificateExpired { agent });
        }
        let credential = Credential::Certificate { serial: shown.serial.clone(), agent: agent.clone() };
        self.stands(&credential, now_ms)?;
        Ok(Principal { name: agent, standing: Standing::Agent, credential, expires_ms: Some(shown.expires_ms) })
    }

    /// Whether calls that came in by this may go on.
    pub fn stands(&self, credential: &Credential, now_ms: i64) -> Result<(), Refusal> {
        match credential {
            Credential::Home | Credential::Session(_) => Ok(()),
            Credential::Token(id) => {
                let row = self.tokens.get(id).ok_or(Refusal::UnknownToken)?;
                self.token(row, now_ms).map(drop)
            }
            Credential::Certificate { serial, agent } => {
                let agent = || agent.clone();
                match self.certificates.get(serial) {
                    Some(row) if row.revoked_ms.is_some() => Err(Refusal::CertificateRevoked { agent: agent() }),
                    Some(row) if row.expires_ms <= now_ms => Err(Refusal::CertificateExpired { agent: agent() }),
                    Some(_) => Ok(()),
                    None if self.was_revoked(&agent()) => Err(Refusal::CertificateRevoked { agent: agent() }),
                    None => Ok(()),
                }
            }
        }
    }

    fn was_revoked(&self, agent: &str) -> bool {
        self.certificates.values().any(|row| row.agent == agent && row.revoked_ms.is_some())
    }
}

fn lesser(one: Role, other: Role) -> Role {
    if one.covers(other) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn user(name: &str, role: Role) -> UserRow {
        UserRow { name: name.to_owned(), role, created_ms: 0, has_password: false, has_totp: false, signed_in_ms: None }
    }

    fn token(id: i64, user: &str, role: Role) -> TokenRow {
        TokenRow {
            id,
            is_join: role == Role::Agent,
            user: user.to_owned(),
            role,
            hash: hash_of("s3cr3t"),
            note: String::new(),
            created_ms: 0,
            expires_ms: NOW + 1,
            revoked_ms: None,
            used_ms: None,
            uses: None,
            uses_left: None,
        }
    }

    fn book(tokens: Vec<TokenRow>) -> Book {
        Book::new(Rows { users: vec![user("ada", Role::User), user("root", Role::Admin)], tokens, ..Rows::default() })
    }

    fn shown(text: &str) -> Secret {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_stands_for_its_user_in_the_lesser_role() {
        let book = book(vec![token(1, "ada", Role::Admin), token(2, "root", Role::Viewer)]);
        let role = |text| book.secret(&shown(text), NOW).unwrap().role();
        assert_eq!(role("swu_1_s3cr3t"), Role::User);
        assert_eq!(role("swu_2_s3cr3t"), Role::Viewer);
    }

    #[test]
    fn wrong_expired_revoked_and_orphaned_tokens_are_told_apart() {
        let revoked = TokenRow { revoked_ms: Some(5), ..token(2, "ada", Role::User) };
        let expired = TokenRow { expires_ms: NOW, ..token(3, "ada", Role::User) };
        let join = token(5, "root", Role::Agent);
        let book = book(vec![token(1, "ada", Role::User), revoked, expired, token(4, "eve", Role::User), join]);
        let refusal = |text| book.secret(&shown(text), NOW).unwrap_err();
        assert_eq!(refusal("swu_1_s3cr3"), Refusal::UnknownToken);
        assert_eq!(refusal("swu_9_s3cr3t"), Refusal::UnknownToken);
        assert_eq!(refusal("swj_1_s3cr3t"), Refusal::UnknownToken);
        assert_eq!(refusal("swu_5_s3cr3t"), Refusal::UnknownToken);
        assert_eq!(refusal("swu_2_s3cr3t"), Refusal::TokenRevoked { id: 2 });
        assert_eq!(refusal("swu_2_wrong"), Refusal::UnknownToken, "only its holder hears that it was revoked");
        assert_eq!(refusal("swu_3_s3cr3t"), Refusal::TokenExpired { id: 3 });
        assert_eq!(refusal("swu_4_s3cr3t"), Refusal::UserGone { id: 4 });
        assert_eq!(book.secret(&shown("swj_5_s3cr3t"), NOW).unwrap().standing, Standing::Joiner);
    }

    #[test]
    fn a_certificate_stands_unless_it_or_its_agent_was_shut_out() {
        let row = |serial: &str, agent: &str, revoked_ms| CertificateRow {
            serial: serial.to_owned(),
            agent: agent.to_owned(),
            host: String::new(),
            issued_ms: 0,
            expires_ms: NOW + 10,
            revoked_ms,
        };
        let certificates = vec![row("01", "a", None), row("02", "b", Some(3))];
        let book = Book::new(Rows { certificates, ..Rows::default() });
        let show = |serial: &str, agent: &str, expires_ms| {
            let shown = Certificate { agent: agent.to_owned(), serial: serial.to_owned(), expires_ms };
            book.certificate(&shown, NOW)
        };
        assert_eq!(show("01", "a", NOW + 10).unwrap().standing, Standing::Agent);
        assert!(matches!(show("01", "a", NOW), Err(Refusal::CertificateExpired { .. })));
        assert!(matches!(show("02", "b", NOW + 10), Err(Refusal::CertificateRevoked { .. })));
        assert!(matches!(show("03", "b", NOW + 10), Err(Refusal::CertificateRevoked { .. })));
        assert!(show("04", "c", NOW + 10).is_ok(), "the CA's signature vouches for it");
    }
}
