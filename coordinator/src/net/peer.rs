//! The other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::tls::Certificate;

/// What is known of it; an extension of each request.
#[derive(Debug, Clone)]
pub struct Peer {
    pub address: SocketAddr,
    /// It is on this machine: its address is a loopback address, or the one that it called.
    pub local: bool,
    pub tls: bool,
    /// What it showed in the handshake.
    pub certificate: Option<Certificate>,
    proven: Arc<AtomicBool>,
}

impl Peer {
    pub fn new(address: SocketAddr, called: SocketAddr, tls: bool, certificate: Option<Certificate>) -> Self {
        let ip = address.ip().to_canonical();
        let local = ip.is_loopback() || ip == called.ip().to_canonical();
        Self { address, local, tls, certificate, proven: Arc::default() }
    }

    /// Without IPv4's mapping into IPv6.
    pub fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }

    /// One of its requests was let through: the connection may stay.
    pub fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_local_by_its_address_alone() {
        let local = |from: &str, to: &str| Peer::new(from.parse().unwrap(), to.parse().unwrap(), true, None).local;
        assert!(local("127.0.0.1:5", "127.0.0.1:7433"));
        assert!(local("[::ffff:127.0.0.1]:5", "[::ffff:127.0.0.1]:7433"));
        assert!(local("10.0.0.1:5", "10.0.0.1:7433"), "a machine that calls its own address");
        assert!(!local("10.0.0.2:5", "10.0.0.1:7433"));
    }
}
