//! How TLS is spoken: 1.3 only, HTTP/2 only, no resumption, and the identity of the moment.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::ring::default_provider;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use crate::identity::Identity;
use crate::verify::{Pin, Verifier};

/// Who one is at the moment; a connection that is made shows this.
#[derive(Debug, Clone, Default)]
pub struct Myself(Arc<RwLock<(Option<Identity>, u64)>>);

impl Myself {
    /// Counts the changes.
    pub fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).1
    }

    pub fn get(&self) -> Option<Identity> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    pub fn set(&self, identity: Identity) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = (Some(identity), held.1 + 1);
    }
}

impl ResolvesClientCert for Myself {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let identity = self.get()?;
        identity.key.key.choose_scheme(schemes).is_some().then_some(identity.key)
    }

    fn has_certs(&self) -> bool {
        self.get().is_some()
    }
}

pub fn config(pin: Pin, me: Myself) -> Arc<ClientConfig> {
    let provider = Arc::new(default_provider());
    let verifier = Arc::new(Verifier { pin, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring speaks TLS 1.3");
    let mut config =
        config.dangerous().with_custom_certificate_verifier(verifier).with_client_cert_resolver(Arc::new(me));
    // A resumed session would go on in the name of an older certificate.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}
