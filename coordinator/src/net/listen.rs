//! The accept loop.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::connection;
use super::crowd::Crowd;

/// How long connections may take, and how they are kept alive.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Idle ones are tried this often.
    pub keepalive: Duration,
    /// One that does not answer in this time is dead.
    pub keepalive_timeout: Duration,
    /// For the first byte, and for the handshake.
    pub handshake: Duration,
    /// For the head of a request of HTTP/1, and between two.
    pub head: Duration,
    /// Who has not proved by then who they are, is not let wait longer.
    pub unproven: Duration,
}

impl Terms {
    pub fn new(keepalive: Duration, keepalive_timeout: Duration) -> Self {
        let (handshake, head, unproven) = (Duration::from_secs(10), Duration::from_secs(30), Duration::from_secs(30));
        Self { keepalive, keepalive_timeout, handshake, head, unproven }
    }
}

/// Where requests come in.
#[derive(Clone)]
pub struct Door {
    /// `None`: plain HTTP.
    pub tls: Option<TlsAcceptor>,
    pub app: Router,
    pub terms: Terms,
}

/// Connections in all, fewer where the process may open few files: each takes one, and so does what it asks for.
const MOST_CONNECTIONS: usize = 4096;
/// Of one address; many agents may be behind one.
const MOST_OF_ONE: usize = 512;
/// After an error that will not go away at once, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until stopped; then lets calls end that are under way.
pub async fn serve(listener: TcpListener, door: Door, stop: CancellationToken) {
    let crowd = Crowd::new(most_connections(), MOST_OF_ONE);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                // Too many: closed at once, which costs least.
                let Some(place) = crowd.enter(from.ip().to_canonical()) else { continue };
                let (door, stop) = (door.clone(), stop.clone());
                connections.spawn(async move {
                    if let Err(error) = one(stream, from, door, stop).await {
                        tracing::debug!(%from, %error, "a connection failed");
                    }
                    drop(place);
                });
            }
            Err(error) if is_of_one(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections at present");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn one(stream: TcpStream, from: SocketAddr, door: Door, stop: CancellationToken) -> io::Result<()> {
    stream.set_nodelay(true)?;
    connection::serve(stream, from, door, stop).await
}

/// The other end gave up before it was accepted.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn most_connections() -> usize {
    use nix::sys::resource::{Resource, getrlimit};
    let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    MOST_CONNECTIONS.min(files as usize / 2)
}
