//! How an agent comes to be one of a coordinator's: its certificate.
//!
//! A coordinator on this machine that speaks no TLS believes whoever has its home's token. Any other wants a certificate: with
//! a join token, which names the coordinator by its CA's fingerprint, the agent asks for its first one (`join`), keeps it
//! (`folder`), and renews it long before it expires (`renew`). From then on nothing but the certificate says who the agent is.
//!
//! A key is on disk before a certificate is asked for it, and a coordinator that has signed for a key does so again: whatever
//! is cut off in the middle, the next start goes on. What is asked for is in `request`.

mod folder;
mod join;
mod renew;
mod request;

use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use sweep_link::{Address, Bearer, Link, LinkError, Times, Trust};
use sweep_shared::access::Secret;

use crate::agent::AgentError;
use crate::identity::Identity;
use crate::options::{Options, Shutdown};
use folder::{Folder, Joined};

/// The way to the coordinator, as this agent.
pub struct Enrolled {
    pub link: Link,
    pub bearer: Bearer,
}

/// How the agent will be known to the coordinator.
enum Way {
    /// By the home's token.
    Token,
    /// By the certificate that it has. `sure`: nobody offers another.
    Certificate {
        joined: Joined,
        sure: bool,
    },
    Join(Secret),
}

/// Which coordinator the agent in this folder has joined.
pub fn joined_address(home: &Path) -> Option<Address> {
    Folder::new(home).address()
}

/// Everything up to the first call of a session. `None`: told to stop before there was an answer.
pub async fn enrol(options: &Options, me: &Identity, shutdown: &Shutdown) -> Result<Option<Enrolled>, AgentError> {
    let address: Address = options.address.parse().map_err(|_| AgentError::Address(options.address.clone()))?;
    let folder = Folder::new(&options.home);
    let joined = folder.open().map_err(|source| AgentError::Home { path: folder.path().to_owned(), source })?;
    let way = choose(&address, joined, options.join_token.as_ref(), SystemTime::now())?;
    let enrolled = async {
        match way {
            Way::Token => by_token(address, &options.token),
            Way::Certificate { joined, sure } => {
                let link = by_certificate(&address, &joined)?;
                match &options.join_token {
                    Some(token) if !sure && !join::is_accepted(&link).await => {
                        tracing::warn!("the coordinator does not accept this agent's certificate; joining again");
                        join::join(&folder, address, token, me, options.backoff).await
                    }
                    _ => {
                        folder.remember(&address).map_err(|source| home_error(&folder, source))?;
                        Ok(Enrolled { link, bearer: Bearer::none() })
                    }
                }
            }
            Way::Join(token) => join::join(&folder, address, &token, me, options.backoff).await,
        }
    };
    tokio::select! {
        enrolled = enrolled => enrolled.map(Some),
        () = shutdown.draining() => Ok(None),
    }
}

/// Renews the certificate when it is time, as long as the agent runs.
pub async fn keep_renewed(link: Link, options: Options) {
    renew::keep_renewed(link, Folder::new(&options.home)).await;
}

fn choose(
    address: &Address,
    joined: Option<Joined>,
    token: Option<&Secret>,
    now: SystemTime,
) -> Result<Way, AgentError> {
    if !address.is_tls() {
        return Ok(Way::Token);
    }
    match (joined, token) {
        (Some(joined), token) if joined.identity.not_after > now => {
            let fingerprint = joined.ca.fingerprint();
            match token {
                Some(token) if token.fingerprint != fingerprint => Ok(Way::Join(token.clone())),
                _ => Ok(Way::Certificate { joined, sure: token.is_none() }),
            }
        }
        (_, Some(token)) => Ok(Way::Join(token.clone())),
        (Some(joined), None) => Err(AgentError::Expired(time(joined.identity.not_after))),
        (None, None) => Err(AgentError::NotJoined(address.url())),
    }
}

fn by_token(address: Address, token: &str) -> Result<Enrolled, AgentError> {
    let bearer = Bearer::new(token).ok_or_else(|| AgentError::Refused("the token is malformed".to_owned()))?;
    let link = Link::new(address, Trust::Plain, Times::AGENT)?;
    Ok(Enrolled { link, bearer })
}

fn by_certificate(address: &Address, joined: &Joined) -> Result<Link, LinkError> {
    let link = Link::new(address.clone(), joined.ca.clone(), Times::AGENT)?;
    link.identify(joined.identity.clone());
    Ok(link)
}

fn time(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or_default()
}

fn home_error(folder: &Folder, source: std::io::Error) -> AgentError {
    AgentError::Home { path: folder.path().to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::access::{Fingerprint, SecretKind};

    #[test]
    fn without_tls_the_token_counts_and_with_it_something_must_be_there() {
        let now = SystemTime::now();
        let plain: Address = "http://127.0.0.1".parse().unwrap();
        assert!(matches!(choose(&plain, None, None, now), Ok(Way::Token)));
        let tls: Address = "https://desk".parse().unwrap();
        let refused = choose(&tls, None, None, now).err().unwrap();
        assert!(matches!(&refused, AgentError::NotJoined(url) if url == "https://desk:7433"), "{refused}");
        let token = Secret::new(SecretKind::Join, 1, "a".to_owned(), Some(Fingerprint([1; 32])));
        assert!(matches!(choose(&tls, None, Some(&token), now), Ok(Way::Join(join)) if join == token));
    }
}
