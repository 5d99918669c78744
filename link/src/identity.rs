//! Who an agent is: a certificate and its key.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::ring::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A client's certificate with its key. Cheap to clone; its `Debug` shows nothing of the key.
#[derive(Clone)]
pub struct Identity {
    pub(crate) key: Arc<CertifiedKey>,
    /// The certificate's common name: the agent's id.
    pub name: String,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

/// Why two texts are no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentity {
    #[error("no certificate (PEM): {0}")]
    Certificate(String),
    #[error("no private key (PEM): {0}")]
    Key(String),
    #[error("the certificate is not one for this key")]
    OtherKey,
}

impl Identity {
    /// Certificate first, then whatever is between it and its CA; and the key. Both PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, BadIdentity> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| BadIdentity::Certificate(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| BadIdentity::Key(error.to_string()))?;
        let leaf = chain.first().ok_or_else(|| BadIdentity::Certificate("there is none in it".to_owned()))?;
        let (name, [not_before, not_after]) = read(leaf)?;
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => BadIdentity::OtherKey,
            other => BadIdentity::Key(other.to_string()),
        })?;
        Ok(Self { key: Arc::new(key), name, not_before, not_after })
    }

    /// The moment at which it is `share` of its way from its beginning to its end.
    pub fn moment(&self, share: f64) -> SystemTime {
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        self.not_before + life.mul_f64(share)
    }
}

fn read(leaf: &CertificateDer<'_>) -> Result<(String, [SystemTime; 2]), BadIdentity> {
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|error| BadIdentity::Certificate(error.to_string()))?;
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or_default();
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64);
    let validity = parsed.validity();
    Ok((name.to_owned(), [at(validity.not_before.timestamp()), at(validity.not_after.timestamp())]))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.name)
    }
}
