//! The server's side of a handshake.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::crypto::ring as provider;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;

use super::Authority;
use crate::home::hex;

/// The coordinator's certificate is made anew this often, long before it expires.
const FRESH_FOR: Duration = Duration::from_hours(24 * 30);

/// TLS 1.3 and 1.2, HTTP/2 and 1.1. Clients may show a certificate; if they do, it must be the CA's.
///
/// # Errors
/// Where no certificate can be made.
pub fn acceptor(authority: Arc<Authority>, names: Vec<String>) -> anyhow::Result<TlsAcceptor> {
    let crypto = Arc::new(provider::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto.clone()).allow_unauthenticated().build()?;
    let own = Own { authority, names, newest: Mutex::new(None) };
    own.current()?;
    let mut config = ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The coordinator's own certificate.
struct Own {
    authority: Arc<Authority>,
    names: Vec<String>,
    newest: Mutex<Option<(Arc<CertifiedKey>, Instant)>>,
}

impl Own {
    fn current(&self) -> anyhow::Result<Arc<CertifiedKey>> {
        let mut newest = self.newest.lock().expect("no holder panics");
        if let Some((key, made)) = &*newest
            && made.elapsed() < FRESH_FOR
        {
            return Ok(key.clone());
        }
        let (certificate, key) = self.authority.server(&self.names)?;
        let key = provider::sign::any_supported_type(&key)?;
        // With the CA: clients that have only its fingerprint need to see it.
        let chain = vec![certificate, self.authority.certificate().clone()];
        let certified = Arc::new(CertifiedKey::new(chain, key));
        *newest = Some((certified.clone(), Instant::now()));
        Ok(certified)
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current().inspect_err(|error| tracing::error!(%error, "there is no certificate for the coordinator")).ok()
    }
}

/// What a client's certificate says; the handshake has verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub agent: String,
    /// In hexadecimal digits.
    pub serial: String,
    /// Unix milliseconds.
    pub expires_ms: i64,
}

/// Reads it. `None`: it is none of an agent's.
pub fn presented(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let agent = parsed.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
    let expires_ms = parsed.validity().not_after.timestamp() * 1000;
    Some(Certificate { agent, serial: hex(parsed.raw_serial()), expires_ms })
}
