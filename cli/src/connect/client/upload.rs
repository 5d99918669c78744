//! Sending a file's bytes, from where a broken upload ended.

use std::io::SeekFrom;
use std::path::Path;

use futures_util::{Stream, stream};
use sweep_shared::ids::ContentHash;
use sweep_shared::wire::{CHUNK_BYTES, v1};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use v1::artifacts_client::ArtifactsClient;

use super::Service;
use crate::exit::{Failure, Outcome};

/// Sends the file unless the coordinator has it already.
pub async fn file(client: &mut ArtifactsClient<Service>, path: &Path, hash: &ContentHash) -> Outcome<()> {
    let there = client.stat(v1::StatRequest { hash: hash.to_string() }).await?.into_inner();
    if there.complete {
        return Ok(());
    }
    let unreadable = |error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let mut file = File::open(path).await.map_err(unreadable)?;
    let size = file.metadata().await.map_err(unreadable)?.len();
    let offset = there.received_bytes.min(size);
    file.seek(SeekFrom::Start(offset)).await.map_err(unreadable)?;
    let reply = client.upload(chunks(file, hash.to_string(), size, offset)).await?.into_inner();
    if reply.complete {
        Ok(())
    } else {
        Err(Failure::usage(format!("{} changed while it was sent", path.display())).hint("submit the plan again"))
    }
}

/// The file from `offset` on. An unreadable file ends the stream early, which the receiver notices.
fn chunks(file: File, hash: String, size_bytes: u64, offset: u64) -> impl Stream<Item = v1::Chunk> {
    stream::unfold(Some((file, offset)), move |state| {
        let hash = hash.clone();
        async move {
            let (mut file, offset) = state?;
            let mut data = vec![0; CHUNK_BYTES];
            let n = file.read(&mut data).await.unwrap_or(0);
            data.truncate(n);
            let next = (n > 0).then_some((file, offset + n as u64));
            // An empty file is one empty chunk.
            (n > 0 || size_bytes == 0).then_some((v1::Chunk { hash, size_bytes, offset, data }, next))
        }
    })
}
