//! Links, and the channels that they hand out.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tonic::body::Body;
use tonic::codegen::{Service, StdError};
use tonic::transport::{self, Endpoint, Uri};

use crate::address::Address;
use crate::connect::{Connector, Stream};
use crate::error::LinkError;
use crate::identity::Identity;
use crate::tls::{self, Myself};
use crate::trust::Trust;
use crate::verify::Pin as Pinned;
use crate::watch::Faults;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Until a connection is made, TLS included.
    pub connect: Duration,
    /// How often an idle connection is asked whether it lives, and how long the answer may take.
    pub ask_every: Duration,
    pub answer_within: Duration,
}

impl Times {
    /// Of an agent. With the longest wait between two tries the first bounds how long it takes to be back.
    pub const AGENT: Self = Self {
        connect: Duration::from_secs(3),
        ask_every: Duration::from_secs(10),
        answer_within: Duration::from_secs(10),
    };
    /// Of a command. A coordinator on this machine answers at once; one at the other end of a tunnel may take a moment.
    pub const USER: Self = Self {
        connect: Duration::from_secs(5),
        ask_every: Duration::from_secs(20),
        answer_within: Duration::from_secs(20),
    };
}

/// How to reach one coordinator. Cheap to clone; clones share the identity.
#[derive(Clone)]
pub struct Link {
    connector: Connector,
    times: Times,
    me: Myself,
}

impl Link {
    /// Refuses to send anything in clear to another machine, or to one that nothing is known of.
    pub fn new(address: Address, trust: Trust, times: Times) -> Result<Self, LinkError> {
        let pin = match (address.is_tls(), trust) {
            (true, Trust::Plain) => return Err(LinkError::NobodyToTrust(address)),
            (true, Trust::Fingerprint(fingerprint)) => Some(Pinned::Fingerprint(fingerprint)),
            (true, Trust::Ca(certificate)) => Some(Pinned::Certificate(certificate)),
            (false, _) if !address.is_loopback() => return Err(LinkError::PlainToOthers(address)),
            (false, Trust::Plain) => None,
            (false, _) => return Err(LinkError::PlainDespitePin(address)),
        };
        let me = Myself::default();
        let tls = pin.map(|pin| tls::config(pin, me.clone()));
        let connector = Connector { address, tls, within: times.connect, faults: Faults::default() };
        Ok(Self { connector, times, me })
    }

    /// Who this is from now on: connections that are made later show it.
    pub fn identify(&self, identity: Identity) {
        self.me.set(identity);
    }

    pub fn identity(&self) -> Option<Identity> {
        self.me.get()
    }

    /// Counts the identities that there were.
    pub fn generation(&self) -> u64 {
        self.me.generation()
    }

    pub fn address(&self) -> &Address {
        &self.connector.address
    }

    pub fn is_tls(&self) -> bool {
        self.connector.tls.is_some()
    }

    /// A connection of its own, made when it is first used, noticed when it is dead, and made again.
    pub fn channel(&self) -> Channel {
        let connector = self.connector();
        Channel { inner: self.endpoint().connect_with_connector_lazy(service(connector.clone())), connector }
    }

    /// A connection of its own, made now.
    pub async fn connect(&self) -> Result<Channel, LinkError> {
        let connector = self.connector();
        let made = self.endpoint().connect_with_connector(service(connector.clone())).await;
        let inner = made.map_err(|error| {
            let unknown = || LinkError::Unreachable { address: self.address().clone(), why: error.to_string() };
            connector.faults.newest().unwrap_or_else(unknown)
        })?;
        Ok(Channel { inner, connector })
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(self.address().url())
            .expect("an address is a URL")
            .http2_keep_alive_interval(self.times.ask_every)
            .keep_alive_timeout(self.times.answer_within)
            .keep_alive_while_idle(true)
    }

    /// With faults of its own: those of another channel are not this one's.
    fn connector(&self) -> Connector {
        Connector { faults: Faults::default(), ..self.connector.clone() }
    }
}

/// What makes connections for tonic.
fn service(connector: Connector) -> impl Connect {
    tower::service_fn(move |_: Uri| {
        let connecting = connector.clone().connect();
        async move { connecting.await.map(TokioIo::new) }
    })
}

type Made = TokioIo<Box<dyn Stream>>;

trait Connect: Service<Uri, Response = Made, Error = LinkError, Future: Send> + Send + 'static {}
impl<C: Service<Uri, Response = Made, Error = LinkError, Future: Send> + Send + 'static> Connect for C {}

/// A channel over which calls are made. A call that fails with the connection says why: see [`crate::cause`].
#[derive(Clone)]
pub struct Channel {
    inner: transport::Channel,
    connector: Connector,
}

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, StdError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.inner.poll_ready(context).map_err(|error| match self.connector.faults.newest() {
            Some(fault) => fault.into(),
            None => error.into(),
        })
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (answer, connector) = (self.inner.call(request), self.connector.clone());
        Box::pin(async move {
            match answer.await {
                Ok(answer) => Ok(answer),
                Err(error) => Err(explain(&connector, error).await),
            }
        })
    }
}

async fn explain(connector: &Connector, error: transport::Error) -> StdError {
    match connector.faults.newest() {
        Some(LinkError::HungUp(address) | LinkError::NotHttp2(address)) if connector.speaks_tls().await => {
            LinkError::SpeaksTls(address).into()
        }
        Some(fault) => fault.into(),
        None => error.into(),
    }
}
