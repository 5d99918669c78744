//! One connection, from its first byte to its last.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

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

/// For the first byte, and for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For the head of a request of HTTP/1, and between two.
const HEAD: Duration = Duration::from_secs(30);
/// Who has not proved within this time who they are, is not let wait longer.
const UNPROVEN: Duration = Duration::from_secs(30);
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
    let seen = timeout(HANDSHAKE, stream.peek(&mut first)).await??;
    if seen == 0 {
        return Ok(());
    }
    if first[0] != TLS_HANDSHAKE {
        return explain(stream, &first[..seen]).await;
    }
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
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
    let mut unproven = pin!(tokio::time::sleep(UNPROVEN));
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
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MOST_HEAD as usize * 4);
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
