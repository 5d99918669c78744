//! The artifact door of a scripted coordinator.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sweep_shared::ids::ContentHash;
use sweep_shared::wire::v1;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Blobs in memory. `cut_after`: the first upload is cut when this much of it has arrived.
#[derive(Clone, Default)]
pub struct Blobs {
    pub whole: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    pub partial: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    pub cut_after: Arc<Mutex<Option<usize>>>,
    /// Offsets at which uploads and downloads began.
    pub began: Arc<Mutex<Vec<u64>>>,
    /// Bytes that came in uploads, whatever became of them.
    pub uploaded_bytes: Arc<Mutex<u64>>,
    /// While this is held for writing, uploads and downloads wait.
    pub gate: Arc<RwLock<()>>,
    /// Counts the calls that have come to the gate.
    pub at_gate: Arc<watch::Sender<u32>>,
}

impl Blobs {
    pub fn put(&self, bytes: &[u8]) -> ContentHash {
        let hash = ContentHash::of(bytes);
        self.whole.lock().unwrap().insert(hash.to_string(), bytes.to_vec());
        hash
    }

    pub fn get(&self, hash: &str) -> Option<Vec<u8>> {
        self.whole.lock().unwrap().get(hash).cloned()
    }

    /// Stops transfers until the guard is dropped.
    pub async fn shut(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.gate).write_owned().await
    }

    /// Until so many calls have come to the gate.
    pub async fn until_at_gate(&self, count: u32) {
        self.at_gate.subscribe().wait_for(|at| *at >= count).await.unwrap();
    }

    async fn pass_gate(&self) {
        self.at_gate.send_modify(|count| *count += 1);
        let _open = self.gate.read().await;
    }

    fn cut(&self, sent: usize) -> bool {
        let mut cut = self.cut_after.lock().unwrap();
        let now = cut.is_some_and(|after| sent >= after);
        if now {
            *cut = None;
        }
        now
    }

    fn reply(&self, hash: &str) -> v1::StatReply {
        let complete = self.whole.lock().unwrap().contains_key(hash);
        let received_bytes = self.partial.lock().unwrap().get(hash).map_or(0, |bytes| bytes.len() as u64);
        v1::StatReply { complete, received_bytes }
    }
}

#[tonic::async_trait]
impl v1::artifacts_server::Artifacts for Blobs {
    type DownloadStream = ReceiverStream<Result<v1::Chunk, Status>>;

    async fn stat(&self, request: Request<v1::StatRequest>) -> Result<Response<v1::StatReply>, Status> {
        Ok(Response::new(self.reply(&request.into_inner().hash)))
    }

    async fn upload(&self, request: Request<Streaming<v1::Chunk>>) -> Result<Response<v1::StatReply>, Status> {
        self.pass_gate().await;
        let mut chunks = request.into_inner();
        let mut hash = String::new();
        while let Some(chunk) = chunks.message().await? {
            if hash.is_empty() {
                hash.clone_from(&chunk.hash);
                self.began.lock().unwrap().push(chunk.offset);
            }
            *self.uploaded_bytes.lock().unwrap() += chunk.data.len() as u64;
            let mut partial = self.partial.lock().unwrap();
            let bytes = partial.entry(hash.clone()).or_default();
            assert_eq!(bytes.len() as u64, chunk.offset);
            bytes.extend_from_slice(&chunk.data);
            if self.cut(bytes.len()) {
                return Err(Status::unavailable("cut"));
            }
            if bytes.len() as u64 == chunk.size_bytes {
                assert_eq!(ContentHash::of(bytes).as_str(), hash);
                self.whole.lock().unwrap().insert(hash.clone(), bytes.clone());
            }
        }
        Ok(Response::new(self.reply(&hash)))
    }

    async fn download(&self, request: Request<v1::DownloadRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        self.pass_gate().await;
        let v1::DownloadRequest { hash, offset } = request.into_inner();
        let bytes = self.get(&hash).ok_or_else(|| Status::not_found("no such blob"))?;
        self.began.lock().unwrap().push(offset);
        let (sender, stream) = mpsc::channel(1);
        let blobs = self.clone();
        tokio::spawn(async move {
            let mut at = offset as usize;
            for data in bytes[at..].chunks(1000) {
                at += data.len();
                let chunk = v1::Chunk {
                    hash: hash.clone(),
                    size_bytes: bytes.len() as u64,
                    offset: at as u64,
                    data: data.to_vec(),
                };
                if sender.send(Ok(chunk)).await.is_err() {
                    return;
                }
                if blobs.cut(at) {
                    let _ = sender.send(Err(Status::unavailable("cut"))).await;
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}
