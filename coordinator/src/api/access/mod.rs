//! Who may come in, asked for and changed: the Access service, one file per group of calls.

mod agents;
mod tokens;
mod users;

use std::sync::Arc;

use sweep_shared::wire::v1;
use tonic::{Request, Response, Status};

use super::{Reply, caller};
use crate::access::{Access, Credential, Principal, Standing};
use crate::clock::Clock;
use crate::store::{Command, Store};
use crate::tls::Authority;
use crate::web::{Bearer, Link, Web};

pub struct AccessService {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub access: Access,
    /// `None`: there is no TLS, and no certificates.
    pub authority: Option<Arc<Authority>>,
    pub certificate_days: u32,
    pub web: Web,
}

impl AccessService {
    /// Carries it out; when it answers, what no longer stands has ended.
    async fn change<C: Command>(&self, command: C) -> Result<C::Reply, Status> {
        let reply = super::changes::write(&self.store, command).await?;
        self.access.reload().await?;
        Ok(reply)
    }
}

fn changed(count: bool) -> Response<v1::ChangeReply> {
    Response::new(v1::ChangeReply { changed: count.into() })
}

#[tonic::async_trait]
impl v1::access_server::Access for AccessService {
    async fn who_am_i(&self, request: Request<v1::WhoAmIRequest>) -> Reply<v1::WhoAmIReply> {
        let caller = caller::of(&request)?;
        let role = caller.role().to_string();
        let expires_ms = caller.expires_ms.unwrap_or(0);
        Ok(Response::new(v1::WhoAmIReply { name: caller.name, role, expires_ms }))
    }

    async fn create_token(&self, request: Request<v1::CreateTokenRequest>) -> Reply<v1::CreateTokenReply> {
        let caller = caller::of(&request)?;
        tokens::create(self, request.into_inner(), caller).await.map(Response::new)
    }

    async fn list_tokens(&self, request: Request<v1::ListTokensRequest>) -> Reply<v1::ListTokensReply> {
        let caller = caller::of(&request)?;
        Ok(Response::new(tokens::list(self, request.into_inner().all, &caller)))
    }

    async fn revoke_token(&self, request: Request<v1::RevokeTokenRequest>) -> Reply<v1::ChangeReply> {
        let caller = caller::of(&request)?;
        tokens::revoke(self, request.into_inner().id, caller).await.map(changed)
    }

    async fn list_users(&self, _: Request<v1::ListUsersRequest>) -> Reply<v1::ListUsersReply> {
        Ok(Response::new(users::list(self)))
    }

    async fn set_user(&self, request: Request<v1::SetUserRequest>) -> Reply<v1::ChangeReply> {
        let actor = caller::of(&request)?.name;
        users::set(self, request.into_inner(), actor).await.map(|()| changed(true))
    }

    async fn remove_user(&self, request: Request<v1::RemoveUserRequest>) -> Reply<v1::ChangeReply> {
        let actor = caller::of(&request)?.name;
        users::remove(self, request.into_inner().name, actor).await.map(|()| changed(true))
    }

    async fn sign_in_link(&self, request: Request<v1::SignInLinkRequest>) -> Reply<v1::SignInLinkReply> {
        let bearer = match caller::of(&request)? {
            Principal { name, credential: Credential::Home, .. } => Bearer::Home { name },
            Principal { name: user, standing: Standing::Person(role), credential: Credential::Token(id), .. } => {
                Bearer::Token { id, user, role }
            }
            _ => return Err(Status::permission_denied("links are for people who show a token")),
        };
        let Link { path, expires_ms } = self.web.sign_in_link(bearer);
        Ok(Response::new(v1::SignInLinkReply { path, expires_ms }))
    }

    async fn join(&self, request: Request<v1::JoinRequest>) -> Reply<v1::CertificateReply> {
        let caller = caller::of(&request)?;
        agents::join(self, request.into_inner(), &caller).await.map(Response::new)
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Reply<v1::CertificateReply> {
        let caller = caller::of(&request)?;
        agents::renew(self, &request.into_inner().signing_request, &caller).await.map(Response::new)
    }

    async fn list_certificates(&self, _: Request<v1::ListCertificatesRequest>) -> Reply<v1::ListCertificatesReply> {
        Ok(Response::new(agents::list(self)))
    }

    async fn revoke_agent(&self, request: Request<v1::RevokeAgentRequest>) -> Reply<v1::ChangeReply> {
        let actor = caller::of(&request)?.name;
        agents::revoke(self, request.into_inner().agent, actor)
            .await
            .map(|count| Response::new(v1::ChangeReply { changed: count }))
    }
}
