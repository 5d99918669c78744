//! The CA: made once, kept in SWEEP_HOME/tls.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sweep_shared::access::{COORDINATOR_NAME, Fingerprint};
use time::OffsetDateTime;

use crate::home::{Home, HomeError, hex};

/// Why there is no CA.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(
        "{} is damaged: {reason}. Put it back from a backup; without one, remove the whole folder {} and let all agents join \
         anew, since a new CA will be made", path.display(), path.parent().unwrap_or(path).display()
    )]
    Damaged { path: PathBuf, reason: String },
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// Why an agent cannot have a certificate.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("the signing request cannot be read: {0}")]
    Malformed(rcgen::Error),
    #[error("the signing request's key is of a kind that is not taken; ECDSA P-256, P-384 and Ed25519 are")]
    Key,
    #[error("the certificate cannot be made: {0}")]
    Make(rcgen::Error),
}

/// How long the CA, the coordinator's certificate, and what is signed before its time count. Agents' clocks may be wrong by a day.
const CA_YEARS: i64 = 20;
const SERVER_DAYS: i64 = 90;
const BACKDATED: time::Duration = time::Duration::hours(25);

/// Signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// An agent's new certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub pem: String,
    /// In hexadecimal digits.
    pub serial: String,
    /// BLAKE3 of the public key, in hexadecimal digits.
    pub public_key: String,
    /// Unix milliseconds.
    pub issued_ms: i64,
    pub expires_ms: i64,
}

impl Authority {
    /// The home's; made where there is none.
    pub fn open(home: &Home) -> Result<Self, AuthorityError> {
        let folder = home.tls();
        Home::make_folder(&folder)?;
        let (key_path, pem_path) = (folder.join("ca.key"), folder.join("ca.pem"));
        let key = match read(&key_path)? {
            Some(text) => KeyPair::from_pem(&text).map_err(|error| damaged(&key_path, &error))?,
            None if pem_path.exists() => {
                return Err(damaged(&key_path, &"it is gone, and ca.pem is of no use without it"));
            }
            None => {
                let key = KeyPair::generate()?;
                Home::write_private(&key_path, &key.serialize_pem())?;
                key
            }
        };
        let pem = match read(&pem_path)? {
            Some(text) => text,
            // Between the two files a start may have broken off: nobody has heard of that CA yet.
            None => {
                let pem = ca_params().self_signed(&key)?.pem();
                Home::write_private(&pem_path, &pem)?;
                pem
            }
        };
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(&pem_path, &error))?;
        if public_key_of(&certificate).as_deref() != Some(&key.subject_public_key_info()) {
            return Err(damaged(&pem_path, &"it belongs to another key than ca.key"));
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|error| damaged(&pem_path, &error))?;
        Ok(Self { issuer, certificate, pem })
    }

    /// What clients pin.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate);
        Fingerprint(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate of the coordinator's, and its key. `names`: of the host, or its addresses, for browsers.
    pub fn server(&self, names: &[String]) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params(&format!("sweep coordinator on {}", names.first().map_or("?", String::as_str)));
        params.not_after = OffsetDateTime::now_utc() + time::Duration::days(SERVER_DAYS);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.subject_alt_names = vec![SanType::DnsName(COORDINATOR_NAME.try_into()?)];
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((certificate.der().clone(), key.into()))
    }

    /// Signs an agent's key. Of the request only the key counts, for which it proves that the agent holds its other half.
    pub fn agent(&self, request: &str, agent: &str, days: u32, now_ms: i64) -> Result<Issued, RequestError> {
        let request = CertificateSigningRequestParams::from_pem(request).map_err(RequestError::Malformed)?;
        let allowed = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
        if !allowed.contains(&request.public_key.algorithm()) {
            return Err(RequestError::Key);
        }
        let serial: [u8; 16] = rand::random();
        // A serial is a positive number.
        let serial = [&[0x01], &serial[..]].concat();
        let mut params = params(agent);
        let now = OffsetDateTime::from_unix_timestamp(now_ms / 1000).unwrap_or_else(|_| OffsetDateTime::now_utc());
        params.not_before = now - BACKDATED;
        params.not_after = now + time::Duration::days(i64::from(days));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let expires_ms = params.not_after.unix_timestamp() * 1000;
        let certificate = params.signed_by(&request.public_key, &self.issuer).map_err(RequestError::Make)?;
        Ok(Issued {
            pem: certificate.pem(),
            serial: hex(&serial),
            public_key: blake3::hash(request.public_key.der_bytes()).to_hex().to_string(),
            issued_ms: now_ms,
            expires_ms,
        })
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() - BACKDATED;
    params.use_authority_key_identifier_extension = true;
    params
}

fn ca_params() -> CertificateParams {
    let mut params = params("sweep private CA");
    params.not_after = OffsetDateTime::now_utc() + time::Duration::days(CA_YEARS * 365);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn read(path: &Path) -> Result<Option<String>, HomeError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HomeError::Io { path: path.to_owned(), source }),
    }
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> AuthorityError {
    AuthorityError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

/// The subject public key info in DER.
fn public_key_of(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn authority() -> (tempfile::TempDir, Home, Authority) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let authority = Authority::open(&home).unwrap();
        (folder, home, authority)
    }

    fn request(key: &KeyPair) -> String {
        CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
    }

    #[test]
    fn the_ca_is_kept_and_its_key_is_private() {
        let (_folder, home, first) = authority();
        assert_eq!(Authority::open(&home).unwrap().fingerprint(), first.fingerprint());
        for name in ["ca.key", "ca.pem"] {
            let mode = fs::metadata(home.tls().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_start_that_broke_off_between_the_files_is_finished() {
        let (_folder, home, _) = authority();
        fs::remove_file(home.tls().join("ca.pem")).unwrap();
        assert!(Authority::open(&home).is_ok());
    }

    #[test]
    fn a_damaged_ca_is_not_silently_replaced() {
        let (_folder, home, _) = authority();
        let kept = fs::read(home.tls().join("ca.key")).unwrap();
        fs::write(home.tls().join("ca.key"), "nonsense").unwrap();
        assert!(Authority::open(&home).err().unwrap().to_string().contains("ca.key is damaged"));
        fs::remove_file(home.tls().join("ca.key")).unwrap();
        assert!(Authority::open(&home).err().unwrap().to_string().contains("it is gone"));
        fs::write(home.tls().join("ca.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(Authority::open(&home).err().unwrap().to_string().contains("another key"));
        fs::write(home.tls().join("ca.key"), kept).unwrap();
        assert!(Authority::open(&home).is_ok());
    }

    #[test]
    fn an_agents_certificate_says_only_what_the_coordinator_says() {
        let (_folder, _, authority) = authority();
        let key = KeyPair::generate().unwrap();
        let mut wish = CertificateParams::new(vec![COORDINATOR_NAME.to_owned()]).unwrap();
        wish.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        wish.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let greedy = wish.serialize_request(&key).unwrap().pem().unwrap();
        let issued = authority.agent(&greedy, "agent-1", 30, 1_800_000_000_000).unwrap();
        let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(parsed.subject().iter_common_name().next().unwrap().as_str().unwrap(), "agent-1");
        assert!(!parsed.is_ca());
        assert!(parsed.subject_alternative_name().unwrap().is_none());
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth && !usage.any);
        assert_eq!(hex(parsed.raw_serial()), issued.serial);
        assert_eq!(parsed.validity().not_after.timestamp() * 1000, issued.expires_ms);
        assert_eq!(issued.expires_ms - issued.issued_ms, 30 * 86_400_000);
        let again = authority.agent(&request(&key), "agent-1", 30, 1_800_000_000_000).unwrap();
        assert_eq!(again.public_key, issued.public_key);
        assert_ne!(again.serial, issued.serial);
    }

    #[test]
    fn a_request_that_proves_nothing_is_refused() {
        let (_folder, _, authority) = authority();
        let refused = authority.agent("nonsense", "agent-1", 30, 0).unwrap_err();
        assert!(matches!(refused, RequestError::Malformed(_)));
        let mut der =
            CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        let pem = rcgen_pem("CERTIFICATE REQUEST", &der);
        assert!(matches!(authority.agent(&pem, "agent-1", 30, 0), Err(RequestError::Malformed(_))));
    }

    fn rcgen_pem(label: &str, der: &[u8]) -> String {
        use std::fmt::Write as _;
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in der.chunks(3) {
            let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for at in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
                text.push(if at <= chunk.len() { digit.into() } else { '=' });
            }
        }
        let mut pem = format!("-----BEGIN {label}-----\n");
        for line in text.as_bytes().chunks(64) {
            let _ = writeln!(pem, "{}", std::str::from_utf8(line).unwrap());
        }
        pem + &format!("-----END {label}-----\n")
    }
}
