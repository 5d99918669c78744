//! Who may come in.

use sweep_shared::wire::v1;

use super::Client;
use crate::answer::{Caller, Certificate, TokenRow, User};
use crate::exit::Outcome;

impl Client {
    /// Who we are to the coordinator.
    pub async fn who_am_i(&mut self) -> Outcome<Caller> {
        Ok(self.access.who_am_i(v1::WhoAmIRequest {}).await?.into_inner().into())
    }

    pub async fn create_token(&mut self, request: v1::CreateTokenRequest) -> Outcome<v1::CreateTokenReply> {
        Ok(self.access.create_token(request).await?.into_inner())
    }

    /// `all`: those that count no more, too.
    pub async fn tokens(&mut self, all: bool) -> Outcome<Vec<TokenRow>> {
        let reply = self.access.list_tokens(v1::ListTokensRequest { all }).await?.into_inner();
        Ok(reply.tokens.into_iter().map(TokenRow::from).collect())
    }

    /// 0 where it counted no more.
    pub async fn revoke_token(&mut self, id: i64) -> Outcome<u32> {
        Ok(self.access.revoke_token(v1::RevokeTokenRequest { id }).await?.into_inner().changed)
    }

    pub async fn users(&mut self) -> Outcome<Vec<User>> {
        let reply = self.access.list_users(v1::ListUsersRequest {}).await?.into_inner();
        Ok(reply.users.into_iter().map(User::from).collect())
    }

    pub async fn set_user(&mut self, request: v1::SetUserRequest) -> Outcome<()> {
        self.access.set_user(request).await?;
        Ok(())
    }

    pub async fn remove_user(&mut self, name: &str) -> Outcome<()> {
        self.access.remove_user(v1::RemoveUserRequest { name: name.to_owned() }).await?;
        Ok(())
    }

    /// The path of a link that signs in, once, and until when.
    pub async fn sign_in_link(&mut self) -> Outcome<v1::SignInLinkReply> {
        Ok(self.access.sign_in_link(v1::SignInLinkRequest {}).await?.into_inner())
    }

    pub async fn certificates(&mut self) -> Outcome<Vec<Certificate>> {
        let reply = self.access.list_certificates(v1::ListCertificatesRequest {}).await?.into_inner();
        Ok(reply.certificates.into_iter().map(Certificate::from).collect())
    }

    /// How many certificates counted until now.
    pub async fn revoke_agent(&mut self, agent: &str) -> Outcome<u32> {
        let request = v1::RevokeAgentRequest { agent: agent.to_owned() };
        Ok(self.access.revoke_agent(request).await?.into_inner().changed)
    }
}
