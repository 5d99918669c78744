//! Calls by hand: any path, any header, any body.

use std::net::SocketAddr;

use http_body_util::BodyExt as _;
use sweep_link::Channel;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Service as _, ServiceExt as _};

/// One call of gRPC.
#[derive(Clone)]
pub struct Call {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Seen {
    pub code: Code,
    pub message: String,
    body: Vec<u8>,
}

impl Call {
    /// With an empty message, which every procedure can read.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), headers: Vec::new(), body: vec![0; 5] }
    }

    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn with_message(mut self, message: &impl prost::Message) -> Self {
        let message = message.encode_to_vec();
        self.body = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
        self
    }

    /// The head of a message of so many bytes, of which the first few follow.
    pub fn saying_it_has(mut self, bytes: u32) -> Self {
        self.body = [&[0][..], &bytes.to_be_bytes(), &[0; 64]].concat();
        self
    }

    pub fn showing(self, shown: &super::site::Shown) -> Self {
        match &shown.authorization {
            Some(value) => self.with_header("authorization", value),
            None => self,
        }
    }

    pub async fn over(self, mut channel: Channel) -> Seen {
        let mut request = http::Request::builder()
            .method("POST")
            .uri(&self.path)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = Body::new(http_body_util::Full::from(self.body));
        let request = request.body(body).unwrap();
        let answer = match channel.ready().await {
            Ok(channel) => channel.call(request).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Seen::of(answer).await,
            Err(error) => Seen { code: Code::Unavailable, message: format!("{error:?}"), body: Vec::new() },
        }
    }
}

impl Seen {
    async fn of(answer: http::Response<Body>) -> Self {
        let (head, body) = answer.into_parts();
        if let Some(status) = Status::from_header_map(&head.headers) {
            return Self::new(&status, Vec::new());
        }
        // Of what goes on until somebody ends it, the beginning is enough.
        let collected = tokio::time::timeout(std::time::Duration::from_secs(1), body.collect()).await;
        let Ok(collected) = collected else { return Self::new(&Status::ok("it goes on"), Vec::new()) };
        match collected {
            Ok(collected) => {
                let status = collected.trailers().and_then(Status::from_header_map);
                let status = status.unwrap_or_else(|| Status::unknown(format!("HTTP {}", head.status)));
                Self::new(&status, collected.to_bytes().to_vec())
            }
            Err(status) => Self::new(&status, Vec::new()),
        }
    }

    fn new(status: &Status, body: Vec<u8>) -> Self {
        Self { code: status.code(), message: status.message().to_owned(), body }
    }

    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The first message of the answer.
    pub fn message_as<M: prost::Message + Default>(&self) -> M {
        assert_eq!(self.code, Code::Ok, "{self:?}");
        M::decode(&self.body[5..]).unwrap()
    }
}

/// A request of HTTP/1.1 without TLS; all of its answer.
pub async fn plainly(to: SocketAddr, path: &str, token: &str) -> String {
    plainly_to(&to.to_string(), to, path, token).await
}

pub async fn plainly_to(host: &str, to: SocketAddr, path: &str, token: &str) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/grpc\r\n\
         connection: close\r\ncontent-length: 5\r\n\r\n"
    );
    let body = [head.as_bytes(), &[0; 5]].concat();
    String::from_utf8_lossy(&exchange(to, &body).await).into_owned()
}

/// A client of HTTP/2 that expects no TLS.
pub async fn plainly_by_http2(to: SocketAddr) -> Vec<u8> {
    exchange(to, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await
}

pub async fn exchange(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    // A server that closes with bytes unread resets the connection.
    while let Ok(n @ 1..) = stream.read(&mut piece).await {
        answer.extend_from_slice(&piece[..n]);
    }
    answer
}
