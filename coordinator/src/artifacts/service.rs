//! The Artifacts service: chunks in, chunks out.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use sweep_shared::ids::ContentHash;
use sweep_shared::wire::{CHUNK_BYTES, v1};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{ArtifactError, Artifacts, Incoming};

/// Chunks that may wait for a slow reader.
const AHEAD: usize = 4;

pub struct ArtifactService {
    artifacts: Artifacts,
}

impl ArtifactService {
    pub fn new(artifacts: Artifacts) -> Self {
        Self { artifacts }
    }

    async fn reply(&self, hash: &ContentHash) -> v1::StatReply {
        let (complete, received_bytes) = self.artifacts.find(hash).await;
        v1::StatReply { complete, received_bytes }
    }
}

#[tonic::async_trait]
impl v1::artifacts_server::Artifacts for ArtifactService {
    type DownloadStream = ReceiverStream<Result<v1::Chunk, Status>>;

    async fn stat(&self, request: Request<v1::StatRequest>) -> Result<Response<v1::StatReply>, Status> {
        let hash = ContentHash::try_from(request.into_inner().hash).map_err(ArtifactError::from)?;
        Ok(Response::new(self.reply(&hash).await))
    }

    async fn upload(&self, request: Request<Streaming<v1::Chunk>>) -> Result<Response<v1::StatReply>, Status> {
        let mut chunks = request.into_inner();
        let first = chunks.message().await?.ok_or(ArtifactError::NoName)?;
        if first.hash.is_empty() {
            return Err(ArtifactError::NoName.into());
        }
        let hash = ContentHash::try_from(first.hash).map_err(ArtifactError::from)?;
        let (artifacts, of) = (self.artifacts.clone(), hash.clone());
        let begun = blocking(move || artifacts.receive(of, first.size_bytes, first.offset)).await?;
        let Some(mut incoming) = begun else { return Ok(Response::new(self.reply(&hash).await)) };
        incoming = written(incoming, first.data).await?;
        while !incoming.is_whole() {
            let Some(chunk) = chunks.message().await? else { break };
            incoming = written(incoming, chunk.data).await?;
        }
        if incoming.is_whole() {
            self.artifacts.finish(incoming).await?;
        }
        Ok(Response::new(self.reply(&hash).await))
    }

    async fn download(&self, request: Request<v1::DownloadRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        let v1::DownloadRequest { hash, offset } = request.into_inner();
        let hash = ContentHash::try_from(hash).map_err(ArtifactError::from)?;
        let mut file = self.artifacts.open(&hash).await?;
        let file = blocking(move || {
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        })
        .await?;
        let (chunks, stream) = mpsc::channel(AHEAD);
        spawn_blocking(move || send(file, &hash, offset, &chunks));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Reads to the end, or until the reader has gone.
fn send(mut file: File, hash: &ContentHash, mut offset: u64, chunks: &mpsc::Sender<Result<v1::Chunk, Status>>) {
    let size_bytes = file.metadata().map_or(0, |meta| meta.len());
    loop {
        let mut data = vec![0; CHUNK_BYTES];
        let chunk = match file.read(&mut data) {
            Ok(0) => return,
            Ok(read) => {
                data.truncate(read);
                let chunk = v1::Chunk { hash: hash.to_string(), size_bytes, offset, data };
                offset += read as u64;
                Ok(chunk)
            }
            Err(error) => Err(ArtifactError::from(error).into()),
        };
        let last = chunk.is_err();
        if chunks.blocking_send(chunk).is_err() || last {
            return;
        }
    }
}

async fn written(mut incoming: Incoming, data: Vec<u8>) -> Result<Incoming, Status> {
    blocking(move || incoming.write(&data).map(|()| incoming)).await
}

/// Files are touched on threads that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, Status> {
    let done =
        spawn_blocking(work).await.map_err(|e| Status::internal(format!("a file operation did not end: {e}")))?;
    Ok(done?)
}
