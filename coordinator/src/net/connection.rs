//! One connection, from its first byte to its last.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::listen::{Door, Terms};
use super::peer::Peer;
use crate::tls;

/// Bytes in flight of one upload, and of one connection.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Of one connection of HTTP/2.
const MOST_STREAMS: u32 = 256;
/// Of the heads of a request, in bytes.
const MOST_HEAD: u32 = 32 << 10;

pub async fn serve(stream: TcpStream, from: SocketAddr, door: Door, stop: CancellationToken) -> io::Result<()> {
    let called = stream.local_addr()?;
    let Some(acceptor) = &door.tls else {
        return talk(stream, Peer::new(from, called, false, None), door, stop).await;
    };
    let mut first = [0; 16];
    let seen = timeout(door.terms.handshake, stream.peek(&mut first)).await??;
    if seen == 0 {
        return Ok(());
    }
    if first[0] != TLS_HANDSHAKE {
        return explain(stream, &first[..seen]).await;
    }
    let stream = timeout(door.terms.handshake, acceptor.accept(stream)).await??;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| tls::presented(chain.first()?));
    talk(stream, Peer::new(from, called, true, certificate), door, stop).await
}

/// The type of the first record of every TLS connection (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What a client is told that speaks no TLS where it is needed.
async fn explain(mut stream: TcpStream, first: &[u8]) -> io::Result<()> {
    const TEXT: &str = "This port speaks TLS only: use https://\n";
    if first.starts_with(b"PRI ") {
        // HTTP/2 without TLS: an empty SETTINGS, and GOAWAY (RFC 9113, 6.8) with a reason and HTTP_1_1_REQUIRED's neighbour, INADEQUATE_SECURITY.
        const INADEQUATE_SECURITY: u32 = 0xc;
        let mut frames = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
        let reason = TEXT.trim_end().as_bytes();
        frames.extend_from_slice(&((8 + reason.len()) as u32).to_be_bytes()[1..]);
        frames.extend_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        frames.extend_from_slice(&INADEQUATE_SECURITY.to_be_bytes());
        frames.extend_from_slice(reason);
        stream.write_all(&frames).await?;
    } else {
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{TEXT}",
            TEXT.len()
        );
        stream.write_all(head.as_bytes()).await?;
    }
    stream.shutdown().await
}

async fn talk<S>(stream: S, peer: Peer, door: Door, stop: CancellationToken) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Door { app, terms, .. } = door;
    let known = peer.clone();
    let service = app.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(known.clone());
        request.map(axum::body::Body::new)
    });
    let builder = builder(terms);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let mut unproven = pin!(tokio::time::sleep(terms.unproven));
    let (mut checked, mut leaving) = (false, false);
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(io::Error::other),
            () = unproven.as_mut(), if !checked => {
                checked = true;
                if !peer.is_proven() {
                    return Ok(());
                }
            }
            () = stop.cancelled(), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(terms: Terms) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(terms.head).max_buf_size(MOST_HEAD as usize * 4);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(terms.keepalive)
        .keep_alive_timeout(terms.keepalive_timeout)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(MOST_HEAD);
    builder
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::home::Home;
    use crate::tls::Authority;

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(50);

    /// A server whose one page proves its caller if it is asked nicely.
    async fn server(terms: Terms, with_tls: bool) -> (SocketAddr, CancellationToken, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let authority = Arc::new(Authority::open(&Home::new(folder.path())).unwrap());
        let tls = with_tls.then(|| tls::acceptor(authority, Vec::new()).unwrap());
        let prove = |request: axum::extract::Request| async move {
            request.extensions().get::<Peer>().unwrap().prove();
            "hello"
        };
        let app = Router::new().route("/prove", get(prove)).route("/", get(|| async { "hello" }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(crate::net::serve(listener, Door { tls, app, terms }, stop.clone()));
        (address, stop, folder)
    }

    fn patient() -> Terms {
        Terms { handshake: LONG, head: LONG, unproven: LONG, ..Terms::new(LONG, LONG) }
    }

    /// Whatever is said until the server closes the connection.
    async fn to_the_end(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn who_says_nothing_or_half_of_it_is_not_waited_for() {
        let (address, ..) = server(Terms { handshake: SHORT, ..patient() }, true).await;
        for first in [&b""[..], &[22, 3, 1]] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(first).await.unwrap();
            assert_eq!(to_the_end(&mut stream).await, "");
        }
        let (address, ..) = server(Terms { head: SHORT, ..patient() }, false).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nhost: local").await.unwrap();
        assert!(!to_the_end(&mut slow).await.contains("hello"));
    }

    #[tokio::test]
    async fn only_who_proved_themselves_may_stay() {
        // Enough for who asks at once, also where the machine is busy.
        let unproven = Duration::from_secs(2);
        let (address, ..) = server(Terms { unproven, ..patient() }, false).await;
        let mut stranger = TcpStream::connect(address).await.unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert!(to_the_end(&mut stranger).await.contains("hello"));
        let mut friend = TcpStream::connect(address).await.unwrap();
        let ask = b"GET /prove HTTP/1.1\r\nhost: localhost\r\n\r\n";
        friend.write_all(ask).await.unwrap();
        // Long after a stranger would have been sent away.
        let mut stranger = TcpStream::connect(address).await.unwrap();
        to_the_end(&mut stranger).await;
        friend.write_all(b"GET /prove HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        assert_eq!(to_the_end(&mut friend).await.matches("hello").count(), 2);
    }

    #[tokio::test]
    async fn heads_are_bounded() {
        let (address, ..) = server(patient(), false).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
        let _ = stream.write_all(head.as_bytes()).await;
        assert!(!to_the_end(&mut stream).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn told_to_stop_it_lets_connections_go() {
        let (address, stop, _folder) = server(patient(), false).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 1];
        idle.read_exact(&mut first).await.unwrap();
        stop.cancel();
        assert!(to_the_end(&mut idle).await.contains("hello"));
    }
}
