//! Certificates, and servers that show them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sweep_shared::access::{COORDINATOR_NAME, Fingerprint};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;

use crate::address::Address;
use crate::trust::fingerprint_of;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Leaf {
    pub certificate: CertificateDer<'static>,
    pub pem: String,
    pub key: KeyPair,
}

/// What a certificate is like; by default as a coordinator's should be.
pub struct Like {
    pub name: &'static str,
    pub usage: ExtendedKeyUsagePurpose,
    /// From the present moment.
    pub from_days: i64,
    pub until_days: i64,
}

impl Default for Like {
    fn default() -> Self {
        Self { name: COORDINATOR_NAME, usage: ExtendedKeyUsagePurpose::ServerAuth, from_days: -1, until_days: 30 }
    }
}

impl Like {
    pub fn client(name: &'static str) -> Self {
        Self { name, usage: ExtendedKeyUsagePurpose::ClientAuth, ..Self::default() }
    }
}

fn in_days(days: i64) -> SystemTime {
    let far = Duration::from_secs(days.unsigned_abs() * 86_400);
    if days < 0 { SystemTime::now() - far } else { SystemTime::now() + far }
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "sweep");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint_of(self.0.der())
    }

    pub fn sign(&self, like: &Like) -> Leaf {
        let mut params = CertificateParams::new(vec![like.name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, like.name);
        params.extended_key_usages = vec![like.usage.clone()];
        params.not_before = in_days(like.from_days).into();
        params.not_after = in_days(like.until_days).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Leaf { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

/// A TLS server on a port of its own that shows this chain, and answers every call with `Unimplemented`. Clients that show a
/// certificate are let in if `clients` signed it.
pub async fn serve(chain: Vec<CertificateDer<'static>>, key: &KeyPair, clients: &Authority) -> Address {
    let provider = Arc::new(default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(clients.certificate()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.allow_unauthenticated().build().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = config.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let shown = tls.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
                let _ended = answer(TokioIo::new(tls), shown).await;
            });
        }
    });
    format!("https://127.0.0.1:{port}").parse().unwrap()
}

async fn answer<S>(stream: TokioIo<S>, shown: usize) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = tower::service_fn(move |_: Request<_>| async move {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert("content-type", "application/grpc".parse().unwrap());
        headers.insert("grpc-status", "12".parse().unwrap());
        headers.insert("grpc-message", format!("shown {shown}").parse().unwrap());
        Ok::<_, std::convert::Infallible>(response)
    });
    Builder::new(TokioExecutor::new()).serve_connection(stream, TowerToHyperService::new(service)).await
}

/// The same in clear.
pub async fn serve_plain() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(answer(TokioIo::new(tcp), 0));
        }
    });
    format!("http://127.0.0.1:{port}").parse().unwrap()
}
