//! A join token becomes a certificate.

use std::time::{Duration, SystemTime};

use sweep_link::{Address, Bearer, Link, LinkError, Times, Trust, cause, words};
use sweep_shared::access::{Secret, SecretKind};
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::access_client::AccessClient;
use tonic::{Code, Status};

use super::folder::{Folder, Joined};
use super::{Enrolled, by_certificate, home_error, request};
use crate::agent::AgentError;
use crate::identity::Identity;
use crate::luck::Luck;
use crate::transfer::Backoff;

/// Asks until there is an answer: a coordinator that is away is waited for, as ever.
pub async fn join(
    folder: &Folder,
    address: Address,
    token: &Secret,
    me: &Identity,
    backoff: (Duration, Duration),
) -> Result<Enrolled, AgentError> {
    if token.kind != SecretKind::Join {
        return Err(AgentError::NotJoining("it stands for a user, and lets no agent join".to_owned()));
    }
    let Some(fingerprint) = token.fingerprint else { return Err(LinkError::NobodyToTrust(address).into()) };
    let bearer = Bearer::new(&token.bearer()).expect("letters, digits and underscores");
    let link = Link::new(address.clone(), Trust::Fingerprint(fingerprint), Times::AGENT)?;
    let key = folder.next_key().map_err(|source| home_error(folder, source))?;
    let signing_request =
        request::signing_request(&key, &me.agent).map_err(|error| AgentError::NotJoining(error.to_string()))?;
    let asked = v1::JoinRequest { signing_request, agent_id: me.agent.clone(), host: me.host.clone() };
    let reply = ask(&link, &bearer, &asked, backoff).await?;
    let received = request::received(&reply, &key, &me.agent, Some(fingerprint));
    let (identity, ca) = received
        .map_err(|why| AgentError::NotJoining(format!("its answer holds no certificate for this agent: {why}")))?;
    if identity.not_after <= SystemTime::now() {
        return Err(AgentError::NotJoining(format!(
            "by this machine's clock its certificate has expired already (it counts until {}): set the clocks",
            super::time(identity.not_after)
        )));
    }
    let stored = folder.joined(&address, &reply.certificate, &reply.ca);
    stored.map_err(|source| home_error(folder, source))?;
    tracing::info!(agent = me.agent, until = %super::time(identity.not_after), "joined; the join token is needed no more");
    let link = by_certificate(&address, &Joined { identity, ca })?;
    Ok(Enrolled { link, bearer: Bearer::none() })
}

async fn ask(
    link: &Link,
    bearer: &Bearer,
    asked: &v1::JoinRequest,
    backoff: (Duration, Duration),
) -> Result<v1::CertificateReply, AgentError> {
    let mut backoff = Backoff::new(backoff, Luck::new());
    let mut told = None;
    let mut client = AccessClient::with_interceptor(link.channel(), bearer.clone());
    loop {
        let status = match client.join(asked.clone()).await {
            Ok(reply) => return Ok(reply.into_inner()),
            Err(status) => status,
        };
        if let Some(fault) = cause(&status).filter(|fault| fault.is_lasting()) {
            return Err(fault.clone().into());
        }
        if is_an_answer(&status) {
            return Err(AgentError::NotJoining(status.message().to_owned()));
        }
        let why = words(&status);
        if told.as_ref() != Some(&why) {
            tracing::warn!(why, "cannot join yet; trying again");
            told = Some(why);
        }
        backoff.wait().await;
    }
}

/// Whether the coordinator itself refused: asking again would end alike.
fn is_an_answer(status: &Status) -> bool {
    cause(status).is_none()
        && matches!(
            status.code(),
            Code::Unauthenticated
                | Code::PermissionDenied
                | Code::InvalidArgument
                | Code::FailedPrecondition
                | Code::AlreadyExists
                | Code::NotFound
                | Code::Unimplemented
        )
}

/// Whether the coordinator takes this agent for who it says it is. One that is away is believed to.
pub async fn is_accepted(link: &Link) -> bool {
    match AccessClient::new(link.channel()).who_am_i(v1::WhoAmIRequest {}).await {
        Ok(_) => true,
        Err(status) => match cause(&status) {
            Some(fault) => !matches!(fault, LinkError::CertificateRefused { .. }),
            None => status.code() != Code::Unauthenticated,
        },
    }
}
