//! An authority of our own, and a server's certificate by it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub struct Trust {
    /// A PEM file.
    pub authority: PathBuf,
    server: Arc<ServerConfig>,
}

impl Trust {
    /// For a server by these names; its `certificate.pem` and `key.pem` lie in the folder.
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
        written("certificate.pem", certificate.pem());
        written("key.pem", key.serialize_pem());
        Self {
            authority: written("authority.pem", ca.pem()),
            server: Arc::new(server.with_single_cert(vec![certificate.der().clone()], private).unwrap()),
        }
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.server.clone())
    }
}
