//! What goes wrong between here and a coordinator, told so that one knows what to do.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError};
use sweep_shared::access::{COORDINATOR_NAME, Fingerprint};
use tonic::Status;

use crate::address::Address;
use crate::verify::Stranger;

/// Why a coordinator is not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("{0} is another machine, and http:// would send the token over the network for everybody to read")]
    PlainToOthers(Address),
    #[error("the token was made by a coordinator that speaks TLS, and http:// would send it to {0} in clear")]
    PlainDespitePin(Address),
    #[error("nothing says which coordinator is to be trusted at {0}: no token with a fingerprint, no CA certificate")]
    NobodyToTrust(Address),
    #[error("no host is known by the name {:?} ({why})", address.bare_host())]
    UnknownHost { address: Address, why: String },
    #[error("nothing listens at {0}: the connection was refused")]
    Refused(Address),
    #[error("{address} did not answer within {} s", within.as_secs())]
    Silent { address: Address, within: Duration },
    #[error("cannot connect to {address}: {why}")]
    Unreachable { address: Address, why: String },
    #[error("{0} speaks no TLS")]
    NoTls(Address),
    #[error("{0} speaks TLS, not http://")]
    SpeaksTls(Address),
    #[error("{0} speaks no HTTP/2")]
    NotHttp2(Address),
    #[error("{0} hung up without a word")]
    HungUp(Address),
    #[error(
        "{address} is not the coordinator that was meant: the fingerprint of its CA is {found}, and the token (or the certificate) was made by {expected}"
    )]
    OtherCoordinator { address: Address, expected: Fingerprint, found: Fingerprint },
    /// The chain is not what a coordinator shows.
    #[error("{address} is not the coordinator: {why}")]
    NotTheCoordinator { address: Address, why: String },
    #[error(
        "the certificate of the coordinator at {address} is valid from {from} on, and by this machine's clock it is {now}"
    )]
    NotYetValid { address: Address, from: Timestamp, now: Timestamp },
    #[error(
        "the certificate of the coordinator at {address} was valid until {until}, and by this machine's clock it is {now}"
    )]
    Expired { address: Address, until: Timestamp, now: Timestamp },
    #[error("{address} does not accept this agent's certificate: {why}")]
    CertificateRefused { address: Address, why: String },
    #[error("the TLS handshake with {address} failed: {why}")]
    Handshake { address: Address, why: String },
}

impl LinkError {
    /// Whether trying again will end alike until somebody has done something.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::UnknownHost { .. }
            | Self::Refused(_)
            | Self::Silent { .. }
            | Self::Unreachable { .. }
            | Self::HungUp(_)
            | Self::Handshake { .. } => false,
            Self::PlainToOthers(_)
            | Self::PlainDespitePin(_)
            | Self::NobodyToTrust(_)
            | Self::NoTls(_)
            | Self::SpeaksTls(_)
            | Self::NotHttp2(_)
            | Self::OtherCoordinator { .. }
            | Self::NotTheCoordinator { .. }
            | Self::NotYetValid { .. }
            | Self::Expired { .. }
            | Self::CertificateRefused { .. } => true,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::PlainToOthers(address) => format!(
                "say https://{address}, or forward the port over SSH (ssh -N -L 7433:127.0.0.1:7433 HOST) and say http://127.0.0.1:7433"
            ),
            Self::PlainDespitePin(address) => format!("say https://{address}"),
            Self::NobodyToTrust(_) => {
                "use a whole token, as `sweep tokens create` or `sweep agents invite` printed it: it ends in the fingerprint".to_owned()
            }
            Self::UnknownHost { .. } => "check the name; an address does as well, like https://10.0.0.5:7433".to_owned(),
            Self::Refused(_) => "is `sweep serve` running there, and does it listen on that address and port?".to_owned(),
            Self::Silent { .. } | Self::Unreachable { .. } => {
                "is `sweep serve` running there, and does a firewall let this port through?".to_owned()
            }
            Self::NoTls(address) => format!(
                "if that is a coordinator on this machine, or a forwarded port, say http://{address}; otherwise it is another program's port"
            ),
            Self::SpeaksTls(address) => format!("say https://{address}"),
            Self::OtherCoordinator { .. } => {
                "if the coordinator was set up anew, ask for a new token there; if not, somebody else answers in its place".to_owned()
            }
            Self::NotTheCoordinator { .. } => "check the address: somebody else answers there".to_owned(),
            Self::NotYetValid { .. } => "set the clock of this machine, or that of the coordinator's".to_owned(),
            Self::Expired { .. } => {
                "check this machine's clock; the coordinator renews its certificate when it is started again".to_owned()
            }
            Self::CertificateRefused { .. } => {
                "ask for a new join token (`sweep agents invite`, where the coordinator runs) and start the agent with it".to_owned()
            }
            Self::HungUp(_) | Self::NotHttp2(_) | Self::Handshake { .. } => "is it a coordinator that listens there?".to_owned(),
        }
    }

    pub(crate) fn connecting(address: &Address, error: &io::Error) -> Self {
        let address = address.clone();
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused(address),
            _ => Self::Unreachable { address, why: error.to_string() },
        }
    }

    /// From what a TLS handshake, or a TLS connection, ended with.
    pub(crate) fn tls(address: &Address, error: &io::Error) -> Self {
        let address = address.clone();
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            let why = match error.kind() {
                io::ErrorKind::UnexpectedEof => "it closed the connection at once".to_owned(),
                _ => error.to_string(),
            };
            return Self::Handshake { address, why };
        };
        match tls {
            rustls::Error::InvalidMessage(_) => Self::NoTls(address),
            rustls::Error::InvalidCertificate(found) => Self::certificate(address, found),
            rustls::Error::AlertReceived(alert) => match refusal(*alert) {
                Some(why) => Self::CertificateRefused { address, why: why.to_owned() },
                None => Self::Handshake { address, why: format!("it says {alert:?}") },
            },
            rustls::Error::Other(other) => match other.0.downcast_ref::<Stranger>() {
                Some(Stranger { expected, found }) => {
                    Self::OtherCoordinator { address, expected: *expected, found: *found }
                }
                None => Self::Handshake { address, why: other.to_string() },
            },
            other => Self::Handshake { address, why: other.to_string() },
        }
    }

    fn certificate(address: Address, found: &CertificateError) -> Self {
        let moment = |at: &rustls_pki_types::UnixTime| Timestamp::from_second(at.as_secs() as i64).unwrap_or_default();
        let why = match found {
            CertificateError::ExpiredContext { time, not_after } => {
                return Self::Expired { address, until: moment(not_after), now: moment(time) };
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                return Self::NotYetValid { address, from: moment(not_before), now: moment(time) };
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("its certificate is not for the name {COORDINATOR_NAME}")
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "its certificate is not a server's".to_owned()
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate was not signed by the CA that it shows".to_owned()
            }
            other => format!("its certificate is not acceptable ({other:?})"),
        };
        Self::NotTheCoordinator { address, why }
    }
}

/// What an alert says of the certificate that was shown to the other side.
pub(crate) fn refusal(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateExpired => "it has expired",
        AlertDescription::CertificateRevoked => "it was revoked",
        // The second where the other CA has the same name.
        AlertDescription::UnknownCA | AlertDescription::DecryptError => "another CA signed it",
        AlertDescription::CertificateRequired => "it wants one, and none was shown",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "it finds it unacceptable",
        _ => return None,
    })
}

/// Why a call was not made, where the connection was at fault.
pub fn cause(status: &Status) -> Option<&LinkError> {
    let mut cause = StdError::source(status);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<LinkError>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// What a failed call says, and why: each thing once. tonic hides what went wrong in the chain of causes.
pub fn words(status: &Status) -> String {
    if let Some(found) = cause(status) {
        return found.to_string();
    }
    let mut text = status.message().to_owned();
    let mut cause = StdError::source(status);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
