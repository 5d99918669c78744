//! One blob to the coordinator.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use sweep_shared::ids::ContentHash;
use sweep_shared::wire::{CHUNK_BYTES, v1};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::retry::{Backoff, Verdict, verdict};
use super::{Client, TransferError};
use crate::options::Shutdown;

/// Chunks read ahead of the network.
const AHEAD: usize = 4;
/// Tries that end in a full disk or damaged bytes, before the upload fails: about three minutes.
const HARD_TRIES: u32 = 20;

/// A file, its hash and its size.
pub struct Blob<'a> {
    pub path: &'a Path,
    pub hash: &'a ContentHash,
    pub size_bytes: u64,
}

/// Tries until the coordinator has the blob, or it is not worth trying any more.
pub async fn until_complete(
    mut client: Client,
    Blob { path, hash, size_bytes }: Blob<'_>,
    backoff: &mut Backoff,
    leaving: &Shutdown,
) -> Result<(), TransferError> {
    let mut hard_tries = 0;
    loop {
        let mut hard = false;
        match once(&mut client, path, hash, size_bytes).await? {
            Ok(reply) if reply.complete => return Ok(()),
            Ok(reply) => tracing::debug!(%hash, received = reply.received_bytes, "an upload stopped half-way"),
            Err(status) => {
                tracing::debug!(%hash, %status, "an upload failed");
                match verdict(&status) {
                    Verdict::Again => {}
                    Verdict::Sometimes if hard_tries < HARD_TRIES && !leaving.is_draining() => {
                        hard_tries += 1;
                        hard = true;
                    }
                    Verdict::Sometimes | Verdict::Never => return Err(refusal(&status)),
                }
            }
        }
        tokio::select! {
            () = backoff.wait() => {}
            // One more try, now.
            () = leaving.draining(), if hard => {}
        }
    }
}

fn refusal(status: &Status) -> TransferError {
    match status.code() {
        Code::ResourceExhausted => TransferError::NoSpace(status.message().to_owned()),
        _ => TransferError::Refused(status.message().to_owned()),
    }
}

/// Asks how much is there and sends the rest. The outer error is this machine's.
async fn once(
    client: &mut Client,
    path: &Path,
    hash: &ContentHash,
    size_bytes: u64,
) -> io::Result<Result<v1::StatReply, Status>> {
    let there = match client.stat(v1::StatRequest { hash: hash.to_string() }).await {
        Ok(reply) => reply.into_inner(),
        Err(status) => return Ok(Err(status)),
    };
    if there.complete {
        return Ok(Ok(there));
    }
    let offset = there.received_bytes.min(size_bytes);
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let (chunks, stream) = mpsc::channel(AHEAD);
    let name = hash.to_string();
    let reader = spawn_blocking(move || send(file, name, size_bytes, offset, &chunks));
    let reply = client.upload(ReceiverStream::new(stream)).await;
    match reply {
        // The coordinator's answer counts; a read error only where there is none.
        Ok(reply) => Ok(Ok(reply.into_inner())),
        Err(status) => reader.await.map_err(io::Error::other)?.map(|()| Err(status)),
    }
}

/// Reads to the end, or until the call is over. An empty blob is one empty chunk.
fn send(
    mut file: File,
    hash: String,
    size_bytes: u64,
    mut offset: u64,
    chunks: &mpsc::Sender<v1::Chunk>,
) -> io::Result<()> {
    let mut first = true;
    loop {
        let mut data = vec![0; CHUNK_BYTES];
        let read = file.read(&mut data)?;
        if read == 0 && !first {
            return Ok(());
        }
        data.truncate(read);
        let hash = if first { hash.clone() } else { String::new() };
        if chunks.blocking_send(v1::Chunk { hash, size_bytes, offset, data }).is_err() {
            return Ok(());
        }
        offset += read as u64;
        first = false;
    }
}
