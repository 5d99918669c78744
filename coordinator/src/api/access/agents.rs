//! Agents' certificates.

use sweep_shared::wire::v1;
use tonic::Status;

use super::AccessService;
use crate::access::{Credential, Principal};
use crate::store::access::{Enrol, Renewed, RevokeAgent};
use crate::tls::{Authority, Issued, RequestError};

/// Characters of a signing request, an agent's id, and a host's name.
const REQUEST_LENGTH: usize = 8 << 10;
const ID_LENGTH: usize = 128;
const HOST_LENGTH: usize = 253;

pub async fn join(
    service: &AccessService,
    request: v1::JoinRequest,
    caller: &Principal,
) -> Result<v1::CertificateReply, Status> {
    let authority = authority(service)?;
    let Credential::Token(token) = caller.credential else {
        return Err(Status::permission_denied("joining takes a join token"));
    };
    let plain =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain(&request.agent_id, ID_LENGTH) || !plain(&request.host, HOST_LENGTH) {
        return Err(Status::invalid_argument("an agent's id and its host's name are printable ASCII, without spaces"));
    }
    let issued = sign(service, authority, &request.signing_request, &request.agent_id)?;
    let reply = reply(authority, &issued);
    let enrol = Enrol { token, agent: request.agent_id, host: request.host, issued };
    service.change(enrol).await?;
    Ok(reply)
}

pub async fn renew(service: &AccessService, request: &str, caller: &Principal) -> Result<v1::CertificateReply, Status> {
    let authority = authority(service)?;
    let Credential::Certificate { agent, .. } = &caller.credential else {
        return Err(Status::permission_denied("a certificate is renewed by whoever shows it"));
    };
    let issued = sign(service, authority, request, agent)?;
    let reply = reply(authority, &issued);
    service.change(Renewed { agent: agent.clone(), issued }).await?;
    Ok(reply)
}

fn authority(service: &AccessService) -> Result<&Authority, Status> {
    service.authority.as_deref().ok_or_else(|| {
        Status::failed_precondition(
            "this coordinator listens on loopback without TLS, and has no certificates to give; start it with --tls on, or on \
             another address",
        )
    })
}

fn sign(service: &AccessService, authority: &Authority, request: &str, agent: &str) -> Result<Issued, Status> {
    if request.len() > REQUEST_LENGTH {
        return Err(Status::invalid_argument(format!("a signing request has at most {REQUEST_LENGTH} characters")));
    }
    let signed = authority.agent(request, agent, service.certificate_days, service.clock.unix_ms());
    signed.map_err(|error| match error {
        RequestError::Make(_) => Status::internal(error.to_string()),
        RequestError::Malformed(_) | RequestError::Key => Status::invalid_argument(error.to_string()),
    })
}

fn reply(authority: &Authority, issued: &Issued) -> v1::CertificateReply {
    v1::CertificateReply {
        certificate: issued.pem.clone(),
        ca: authority.pem().to_owned(),
        expires_ms: issued.expires_ms,
    }
}

pub fn list(service: &AccessService) -> v1::ListCertificatesReply {
    let certificates = service.access.read(|book| {
        let row = |row: &crate::store::access::CertificateRow| v1::CertificateRow {
            agent: row.agent.clone(),
            host: row.host.clone(),
            issued_ms: row.issued_ms,
            expires_ms: row.expires_ms,
            revoked_ms: row.revoked_ms.unwrap_or(0),
        };
        book.certificates().into_iter().map(row).collect()
    });
    v1::ListCertificatesReply { certificates }
}

/// How many certificates counted until now.
pub async fn revoke(service: &AccessService, agent: String, actor: String) -> Result<u32, Status> {
    Ok(service.change(RevokeAgent { agent, actor }).await?.certificates)
}
