//! Who may do what, and the secrets that prove who somebody is.
//!
//! A [`Secret`] is what is handed to people: `swu_7_<secret>_<fingerprint>` is a user's token, `swj_…` a token that lets an
//! agent join. The number finds its row; the database keeps a hash of the middle part only. The fingerprint, of the coordinator's
//! own CA, is for the client, which so knows whom it talks to; it is never sent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a caller may do. Each role but `Agent` may do all that those after it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, other people's sweeps and who may come in among it.
    Admin,
    /// Submits sweeps, and changes its own.
    User,
    /// Looks on.
    Viewer,
    /// Fetches jobs, and reports. Nothing that people do.
    Agent,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Admin, Self::User, Self::Viewer, Self::Agent];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
        }
    }

    /// Whether whoever holds this role may do what `wanted` is needed for.
    pub fn covers(self, wanted: Self) -> bool {
        let rank = |role| match role {
            Self::Admin => 3,
            Self::User => 2,
            Self::Viewer => 1,
            Self::Agent => 0,
        };
        match (self, wanted) {
            (Self::Admin, _) => true,
            (Self::Agent, _) | (_, Self::Agent) => self == wanted,
            _ => rank(self) >= rank(wanted),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a role (admin, user, viewer, agent)")]
pub struct NoRole(String);

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| NoRole(text.to_owned()))
    }
}

/// The SHA-256 of a certificate in DER: the coordinator's CA's, everywhere here. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons")]
pub struct NoFingerprint;

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// As we write it, or as OpenSSL does: `SHA256:AB:CD:…`.
    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let text = text.trim();
        let text = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("SHA256:")).unwrap_or(text);
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(NoFingerprint);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(NoFingerprint);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// Stands for a user, in the role that it was made for.
    User,
    /// Buys an agent its certificate.
    Join,
}

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::User => "swu",
            Self::Join => "swj",
        }
    }
}

/// A token as people copy it. Its `Debug` does not show the secret part.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub kind: SecretKind,
    /// The row in the coordinator's database.
    pub id: i64,
    /// Letters and digits.
    secret: String,
    /// `None`: of a coordinator that spoke no TLS.
    pub fingerprint: Option<Fingerprint>,
}

/// The longest secret part that is read.
const SECRET_LENGTH: usize = 128;

impl Secret {
    /// `secret`: random, of letters and digits.
    pub fn new(kind: SecretKind, id: i64, secret: String, fingerprint: Option<Fingerprint>) -> Self {
        Self { kind, id, secret, fingerprint }
    }

    /// The part that proves something.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What goes over the wire, as `authorization: Bearer <this>`.
    pub fn bearer(&self) -> String {
        format!("{}_{}_{}", self.kind.prefix(), self.id, self.secret)
    }

    /// All of it, for whom it is made.
    pub fn reveal(&self) -> String {
        match self.fingerprint {
            Some(fingerprint) => format!("{}_{fingerprint}", self.bearer()),
            None => self.bearer(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_…", self.kind.prefix(), self.id)
    }
}

/// A text that is no token of this form; it is not repeated, since it may be a secret of another form.
#[derive(Debug, thiserror::Error)]
#[error("not a token of this kind: one looks like swu_7_… (a user's) or swj_7_… (for an agent that joins)")]
pub struct NoSecret;

impl FromStr for Secret {
    type Err = NoSecret;

    fn from_str(text: &str) -> Result<Self, NoSecret> {
        let mut parts = text.trim().split('_');
        let mut next = || parts.next().ok_or(NoSecret);
        let kind = match next()? {
            "swu" => SecretKind::User,
            "swj" => SecretKind::Join,
            _ => return Err(NoSecret),
        };
        let id = next()?.parse().map_err(|_| NoSecret)?;
        let secret = next()?;
        if secret.is_empty() || secret.len() > SECRET_LENGTH || !secret.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(NoSecret);
        }
        let secret = secret.to_owned();
        let fingerprint = parts.next().map(|text| text.parse().map_err(|_| NoSecret)).transpose()?;
        if parts.next().is_some() {
            return Err(NoSecret);
        }
        Ok(Self { kind, id, secret, fingerprint })
    }
}

/// The name that every coordinator's own certificate bears besides its host's: what agents and command line look for. Its CA
/// signs nothing else that may serve.
pub const COORDINATOR_NAME: &str = "coordinator.sweep.internal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_covers_those_below_it_and_an_agent_only_itself() {
        for role in Role::ALL {
            assert!(Role::Admin.covers(role));
            assert!(role.covers(role));
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        }
        assert!(Role::User.covers(Role::Viewer));
        assert!(!Role::Viewer.covers(Role::User));
        for role in [Role::User, Role::Viewer] {
            assert!(!role.covers(Role::Agent));
            assert!(!role.covers(Role::Admin));
            assert!(!Role::Agent.covers(role));
        }
    }

    #[test]
    fn a_secret_is_read_as_it_was_written_and_does_not_show() {
        let fingerprint = Fingerprint([0xab; 32]);
        let secret = Secret::new(SecretKind::Join, 7, "s3cr3t".to_owned(), Some(fingerprint));
        let text = secret.reveal();
        assert_eq!(text, format!("swj_7_s3cr3t_{}", "ab".repeat(32)));
        assert_eq!(text.parse::<Secret>().unwrap(), secret);
        assert_eq!(secret.bearer(), "swj_7_s3cr3t");
        assert_eq!(secret.bearer().parse::<Secret>().unwrap().fingerprint, None);
        assert!(!format!("{secret:?}").contains("s3cr3t"));
    }

    #[test]
    fn other_texts_are_no_secrets() {
        for text in ["", "swu", "swu_7", "swu_7_", "swx_7_abc", "swu_x_abc", "swu_7_a-b", "swu_7_abc_12", "swu_7_a_b_c"]
        {
            assert!(text.parse::<Secret>().is_err(), "{text}");
        }
        assert!(format!("swu_1_{}", "a".repeat(129)).parse::<Secret>().is_err());
    }

    #[test]
    fn a_fingerprint_is_read_in_openssls_form_too() {
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(format!("SHA256:{colons}").parse::<Fingerprint>().unwrap(), Fingerprint([0xab; 32]));
        assert!("ab".parse::<Fingerprint>().is_err());
        assert!("é".repeat(32).parse::<Fingerprint>().is_err());
    }
}
