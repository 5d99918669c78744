//! Whether it is the coordinator that answers.
//!
//! The certificate that it shows must be for [`COORDINATOR_NAME`], for a server, valid now, and signed by the one CA that is
//! trusted; by which name or address it was reached means nothing, so that ports may be forwarded and names need not resolve.
//! Of a CA that is known by its fingerprint only, the certificate must be among those that are shown. That it is there proves
//! nothing yet, since certificates are no secrets: it becomes the only root for the chain to end in.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sweep_shared::access::{COORDINATOR_NAME, Fingerprint};

use crate::trust::fingerprint_of;

/// The CA that is trusted.
#[derive(Debug)]
pub enum Pin {
    Fingerprint(Fingerprint),
    Certificate(CertificateDer<'static>),
}

#[derive(Debug)]
pub struct Verifier {
    pub pin: Pin,
    pub provider: Arc<CryptoProvider>,
}

/// Somebody else's certificates were shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    pub expected: Fingerprint,
    /// Of the last certificate that was shown, which is the CA's where it is shown at all.
    pub found: Fingerprint,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected the CA {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for Stranger {}

impl Verifier {
    /// The certificate of the CA, and whether it is among those that were shown.
    fn ca<'a>(&'a self, shown: &[&'a CertificateDer<'a>]) -> Result<&'a CertificateDer<'a>, Error> {
        let stranger = |expected| {
            let found = shown.last().map_or(Fingerprint([0; 32]), |last| fingerprint_of(last));
            Error::Other(OtherError(Arc::new(Stranger { expected, found })))
        };
        match &self.pin {
            Pin::Certificate(ca) => Ok(ca),
            Pin::Fingerprint(expected) => {
                let ca = shown.iter().find(|certificate| fingerprint_of(certificate) == *expected);
                ca.copied().ok_or_else(|| stranger(*expected))
            }
        }
    }

    /// A chain that ends elsewhere is a stranger's, unless the CA is among what was shown.
    fn unknown_issuer(&self, shown: &[&CertificateDer<'_>], error: Error) -> Error {
        let Pin::Certificate(ca) = &self.pin else { return error };
        // A CA of the same name is told from ours by its signature only.
        let elsewhere = matches!(
            error,
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
        );
        if !elsewhere || shown.contains(&ca) {
            return error;
        }
        let found = shown.last().map_or(Fingerprint([0; 32]), |last| fingerprint_of(last));
        Error::Other(OtherError(Arc::new(Stranger { expected: fingerprint_of(ca), found })))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _reached_by: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown: Vec<&CertificateDer<'_>> = std::iter::once(end_entity).chain(intermediates).collect();
        let mut roots = RootCertStore::empty();
        roots.add(self.ca(&shown)?.clone().into_owned())?;
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider)).build();
        let chain = chain.map_err(|error| Error::General(error.to_string()))?;
        let name = ServerName::try_from(COORDINATOR_NAME).expect("it is a name");
        let verified = chain.verify_server_cert(end_entity, intermediates, &name, ocsp_response, now);
        verified.map_err(|error| self.unknown_issuer(&shown, error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
