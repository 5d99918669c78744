//! What a certificate is asked for with, and whether the answer is one to it.

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use sweep_link::{Identity, Trust};
use sweep_shared::access::Fingerprint;
use sweep_shared::wire::v1;

/// A signing request (PKCS#10, PEM), which proves that the key is ours. The coordinator decides all else.
pub fn signing_request(key: &KeyPair, agent: &str) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, agent);
    params.serialize_request(key)?.pem()
}

/// The identity that was got, if it is for this key, and this agent's, and from this CA; else what is wrong with it.
pub fn received(
    reply: &v1::CertificateReply,
    key: &KeyPair,
    agent: &str,
    ca: Option<Fingerprint>,
) -> Result<(Identity, Trust), String> {
    let trust = Trust::ca_pem(reply.ca.as_bytes()).map_err(|error| format!("the CA's certificate: {error}"))?;
    if trust.fingerprint() != ca {
        return Err("it is another CA's".to_owned());
    }
    let identity = Identity::from_pem(reply.certificate.as_bytes(), key.serialize_pem().as_bytes());
    let identity = identity.map_err(|error| error.to_string())?;
    if identity.name != agent {
        return Err(format!("it is for {:?}, not for {agent:?}", identity.name));
    }
    Ok((identity, trust))
}
