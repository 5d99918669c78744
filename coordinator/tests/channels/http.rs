//! A server that speaks HTTP as badly as it is told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// What it does with the next request.
#[derive(Clone)]
pub enum Act {
    /// These bytes, as they are; then it closes.
    Say(String),
    /// Nothing, ever.
    Hang,
    /// It closes when it has read the request.
    Close,
}

/// `200`, some headers (each with its end of line), and a body.
pub fn answer(status: &str, headers: &str, body: &str) -> Act {
    Act::Say(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()))
}

#[derive(Debug, Clone)]
pub struct Request {
    /// `POST /x HTTP/1.1`
    pub line: String,
    /// By names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub struct Server {
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Vec<Request>>>,
    listener: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Server {
    pub async fn start(acts: Vec<Act>) -> Self {
        Self::serve(acts, None).await
    }

    pub async fn with_tls(acts: Vec<Act>, acceptor: TlsAcceptor) -> Self {
        Self::serve(acts, Some(acceptor)).await
    }

    async fn serve(acts: Vec<Act>, tls: Option<TlsAcceptor>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let listener = tokio::spawn(async move {
            // What hangs stays open.
            let mut open = Vec::new();
            for act in acts {
                let (stream, _) = socket.accept().await.unwrap();
                let mut stream: Box<dyn Stream> = match &tls {
                    None => Box::new(stream),
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let request = read(&mut stream).await;
                kept.lock().unwrap().push(request);
                match act {
                    Act::Say(text) => {
                        stream.write_all(text.as_bytes()).await.unwrap();
                        let _ = stream.shutdown().await;
                    }
                    Act::Hang => open.push(stream),
                    Act::Close => {}
                }
            }
            std::future::pending::<()>().await;
        });
        Self { address, folder: tempfile::tempdir().unwrap(), seen, listener: listener.abort_handle() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A file with a secret.
    pub fn secret(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("secret");
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for T {}

async fn read(stream: &mut Box<dyn Stream>) -> Request {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let line = lines.next().unwrap().to_owned();
            let header =
                |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
            let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
            let long = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= long {
                return Request { line, headers, body: body.to_owned() };
            }
        }
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "half a request: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&chunk[..read]);
    }
}
