//! Whom to believe to be the coordinator.

use std::path::Path;

use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sweep_shared::access::Fingerprint;

/// What tells the coordinator from somebody else.
#[derive(Clone, PartialEq, Eq)]
pub enum Trust {
    /// Nothing: it is on this machine, and no TLS is spoken.
    Plain,
    /// The SHA-256 of its CA's certificate, as it stands in every token.
    Fingerprint(Fingerprint),
    /// Its CA's certificate, as an agent has it that has joined.
    Ca(CertificateDer<'static>),
}

/// A file that holds no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no certificate (PEM) in it: {0}")]
pub struct BadCa(String);

impl Trust {
    /// The first certificate of a PEM text.
    pub fn ca_pem(text: &[u8]) -> Result<Self, BadCa> {
        CertificateDer::from_pem_slice(text).map(Self::Ca).map_err(|error| BadCa(error.to_string()))
    }

    /// The first certificate of a PEM file.
    pub fn ca_file(path: &Path) -> std::io::Result<Self> {
        let text = std::fs::read(path)?;
        Self::ca_pem(&text).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }

    /// Of the CA that is trusted.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Plain => None,
            Self::Fingerprint(fingerprint) => Some(*fingerprint),
            Self::Ca(certificate) => Some(fingerprint_of(certificate)),
        }
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fingerprint() {
            None => f.write_str("Plain"),
            Some(fingerprint) => write!(f, "{fingerprint}"),
        }
    }
}

/// The SHA-256 of a certificate.
pub fn fingerprint_of(certificate: &CertificateDer<'_>) -> Fingerprint {
    let hash = digest(&SHA256, certificate);
    Fingerprint(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}
