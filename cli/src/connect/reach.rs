//! From an address and a token to a way there: whom to trust follows from the token.

use sweep_coordinator::{Endpoint, Home, Running};
use sweep_link::{Address, Bearer, Link, Times, Trust};
use sweep_shared::wire::ACTOR_HEADER;

use super::{Token, actor};
use crate::exit::{Failure, Outcome};

/// A way to a coordinator, and what to show there.
#[derive(Clone)]
pub struct Reach {
    pub link: Link,
    pub bearer: Bearer,
}

impl Reach {
    /// A coordinator that the user named.
    pub fn named(address: &Address, token: &Token) -> Outcome<Self> {
        let fingerprint = token.fingerprint();
        let address = address.clone().or_tls(fingerprint.is_some());
        let trust = fingerprint.map_or(Trust::Plain, Trust::Fingerprint);
        Self::new(address, trust, &token.bearer())
    }

    /// The one that runs on this home.
    pub fn home(home: &Home, endpoint: &Endpoint) -> Outcome<Self> {
        let trust = trust(endpoint)?;
        Self::new(endpoint.address.parse()?, trust, &home.token()?.unwrap_or_default())
    }

    /// One inside this process.
    pub fn inside(running: &Running) -> Outcome<Self> {
        let trust = running.fingerprint().map_or(Trust::Plain, Trust::Fingerprint);
        Self::new(running.local_url().parse()?, trust, running.token())
    }

    fn new(address: Address, trust: Trust, token: &str) -> Outcome<Self> {
        let link = Link::new(address, trust, Times::USER)?;
        let malformed = || Failure::usage("the token holds characters that no token holds");
        let actor = actor::here().parse().map_err(|_| Failure::internal("the user's name cannot be sent"))?;
        let bearer = Bearer::new(token).ok_or_else(malformed)?.with(ACTOR_HEADER, actor);
        Ok(Self { link, bearer })
    }
}

/// Whom the clients of this home's own coordinator trust.
fn trust(endpoint: &Endpoint) -> Outcome<Trust> {
    match &endpoint.fingerprint {
        None => Ok(Trust::Plain),
        Some(text) => Ok(Trust::Fingerprint(text.parse()?)),
    }
}
