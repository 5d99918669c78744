//! One connection: the name, TCP, TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use sweep_shared::access::{COORDINATOR_NAME, Fingerprint};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::address::Address;
use crate::error::LinkError;
use crate::tls::{Myself, config};
use crate::verify::Pin;
use crate::watch::{Faults, Watched};

/// What HTTP/2 is spoken over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where to connect, and how.
#[derive(Clone)]
pub struct Connector {
    pub address: Address,
    /// `None`: in clear.
    pub tls: Option<Arc<ClientConfig>>,
    /// For all of it, TLS included.
    pub within: Duration,
    pub faults: Faults,
}

impl Connector {
    /// What goes wrong is also noted in `faults`.
    pub async fn connect(self) -> Result<Box<dyn Stream>, LinkError> {
        let silent = || LinkError::Silent { address: self.address.clone(), within: self.within };
        let made = timeout(self.within, self.try_connect()).await.unwrap_or_else(|_| Err(silent()));
        made.inspect_err(|fault| self.faults.set(fault.clone()))
    }

    /// What hung up on one who spoke in clear may have expected TLS.
    pub async fn speaks_tls(&self) -> bool {
        let nobody = Pin::Fingerprint(Fingerprint([0; 32]));
        let tls = Some(config(nobody, Myself::default()));
        let probe = Self { tls, faults: Faults::default(), ..self.clone() };
        matches!(probe.connect().await, Err(LinkError::OtherCoordinator { .. } | LinkError::NotTheCoordinator { .. }))
    }

    async fn try_connect(&self) -> Result<Box<dyn Stream>, LinkError> {
        let tcp = self.tcp().await?;
        // Where it cannot be set, small messages are merely slower.
        let _ = tcp.set_nodelay(true);
        let (address, faults) = (self.address.clone(), self.faults.clone());
        let Some(config) = &self.tls else { return Ok(Box::new(Watched::new(tcp, address, faults))) };
        let name = ServerName::try_from(COORDINATOR_NAME).expect("it is a name");
        let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
        let tls = tls.map_err(|error| LinkError::tls(&self.address, &error))?;
        Ok(Box::new(Watched::new(tls, address, faults)))
    }

    /// One address of the host after the other, each with its share of the time.
    async fn tcp(&self) -> Result<TcpStream, LinkError> {
        let begun = tokio::time::Instant::now();
        let unknown = |why: String| LinkError::UnknownHost { address: self.address.clone(), why };
        let found = lookup_host((self.address.bare_host(), self.address.port())).await;
        let found: Vec<SocketAddr> = found.map_err(|error| unknown(error.to_string()))?.collect();
        let mut failure = unknown("the name has no address".to_owned());
        for (nth, address) in (1..).zip(&found) {
            let until = begun + self.within * nth / found.len().max(1) as u32;
            failure = match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => LinkError::connecting(&self.address, &error),
                Err(_) => LinkError::Silent { address: self.address.clone(), within: self.within },
            };
        }
        Err(failure)
    }
}
