//! Fetching a stored file's bytes.

use sweep_shared::ids::ContentHash;
use sweep_shared::wire::v1;
use v1::artifacts_client::ArtifactsClient;

use super::Service;
use crate::answer::{StoredFile, malformed};
use crate::exit::{Exit, Failure, Outcome};

/// The whole file, whose hash was checked.
pub async fn file(client: &mut ArtifactsClient<Service>, wanted: &StoredFile) -> Outcome<Vec<u8>> {
    let request = v1::DownloadRequest { hash: wanted.hash.clone(), offset: 0 };
    let mut stream = client.download(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.message().await? {
        bytes.extend_from_slice(&chunk.data);
        if bytes.len() as u64 > wanted.size_bytes {
            return Err(malformed(format!("{} is longer than it should be", wanted.name)));
        }
    }
    if ContentHash::of(&bytes).as_str() == wanted.hash {
        Ok(bytes)
    } else {
        Err(Failure::internal(format!("{} arrived damaged, or lies damaged at the coordinator", wanted.name))
            .hint("try again; if it stays so, the coordinator's disk has lost the file")
            .exit(Exit::Internal))
    }
}
