//! One blob from the coordinator.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sweep_shared::ids::ContentHash;
use sweep_shared::wire::v1;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tonic::{Code, Status};

use super::retry::{Backoff, Verdict, verdict};
use super::{Client, TransferError};

/// Chunks that may wait for the disk.
const AHEAD: usize = 4;
/// Downloads that may turn out damaged.
const DAMAGED_TRIES: u32 = 3;

/// Downloads into `path`, continuing what is there; returns the size once the hash is right.
pub async fn until_whole(
    mut client: Client,
    path: &Path,
    hash: &ContentHash,
    backoff: &mut Backoff,
) -> Result<u64, TransferError> {
    let mut damaged = 0;
    loop {
        let tried = once(&mut client, path, hash).await.inspect_err(|error| make_room(path, error));
        match tried? {
            Ok((actual, size_bytes)) if actual == *hash => return Ok(size_bytes),
            Ok(_) => {
                damaged += 1;
                fs::remove_file(path)?;
            }
            // It is damaged where it is kept, and the coordinator has noticed.
            Err(status) if status.code() == Code::DataLoss => damaged += 1,
            Err(status) if status.code() == Code::NotFound => return Err(TransferError::Unknown(hash.clone())),
            Err(status) if verdict(&status) == Verdict::Never => {
                return Err(TransferError::Refused(status.message().to_owned()));
            }
            Err(status) => tracing::debug!(%hash, %status, "a download failed"),
        }
        if damaged == DAMAGED_TRIES {
            return Err(TransferError::Damaged(hash.clone()));
        }
        backoff.wait().await;
    }
}

/// What has arrived must not take the last of a full disk's space.
fn make_room(path: &Path, error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        // Where it cannot be removed nothing is worse than before.
        let _ = fs::remove_file(path);
    }
}

/// One try: what the file hashes to when the stream has ended well. The outer error is this machine's.
async fn once(client: &mut Client, path: &Path, hash: &ContentHash) -> io::Result<Result<(ContentHash, u64), Status>> {
    let offset = fs::metadata(path).map_or(0, |meta| meta.len());
    let request = v1::DownloadRequest { hash: hash.to_string(), offset };
    let mut stream = match client.download(request).await {
        Ok(stream) => stream.into_inner(),
        Err(status) => return Ok(Err(status)),
    };
    let (chunks, writer) = start_writer(path.to_owned());
    let received = loop {
        match stream.message().await {
            Ok(Some(chunk)) => {
                // A writer that has ended tells why when it is joined.
                if chunks.send(chunk.data).await.is_err() {
                    break Ok(());
                }
            }
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        }
    };
    drop(chunks);
    let written = writer.await.map_err(io::Error::other)??;
    Ok(received.map(|()| written))
}

/// The whole file's hash and size.
type Written = io::Result<(ContentHash, u64)>;

/// Appends chunks and hashes the whole file, old part included.
fn start_writer(path: PathBuf) -> (mpsc::Sender<Vec<u8>>, JoinHandle<Written>) {
    let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(AHEAD);
    let writer = spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        let mut size_bytes = match File::open(&path) {
            Ok(mut before) => io::copy(&mut before, &mut hasher)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        while let Some(chunk) = chunks.blocking_recv() {
            file.write_all(&chunk)?;
            hasher.update(&chunk);
            size_bytes += chunk.len() as u64;
        }
        Ok((ContentHash::from(hasher.finalize()), size_bytes))
    });
    (sender, writer)
}
