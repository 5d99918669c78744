//! An authority of our own, and a server's certificate by it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub struct Trust {
    /// PEM files.
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    server: Arc<ServerConfig>,
}

impl Trust {
    /// For a server by these names.
    pub fn new(folder: &Path, names: &[&str]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let written = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder().with_no_client_auth();
        Self {
            authority: written("authority.pem", ca.pem()),
            certificate: written("certificate.pem", certificate.pem()),
            key: written("key.pem", key.serialize_pem()),
            server: Arc::new(server.with_single_cert(vec![certificate.der().clone()], private).unwrap()),
        }
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.server.clone())
    }
}
