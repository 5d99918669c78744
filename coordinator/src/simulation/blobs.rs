//! The artifact folder, as an agent's uploads and downloads reach it.

use std::fs;
use std::path::PathBuf;

use sweep_shared::ids::ContentHash;

use crate::artifacts::{ArtifactError, Artifacts};

/// The coordinator's blobs.
pub struct Blobs(pub(super) Artifacts);

impl Blobs {
    /// Whether the blob is whole, and how much of it has arrived.
    pub fn stat(&self, hash: &ContentHash) -> (bool, u64) {
        self.0.stat(hash)
    }

    /// One upload call that brings `data` from `offset` on and then ends, perhaps before the blob is whole.
    ///
    /// # Errors
    /// In words, as the agent would be told.
    pub fn upload(&self, hash: &ContentHash, size_bytes: u64, offset: u64, data: &[u8]) -> Result<(), String> {
        let bring = || -> Result<(), ArtifactError> {
            let Some(mut incoming) = self.0.receive(hash.clone(), size_bytes, offset)? else { return Ok(()) };
            incoming.write(data)?;
            if incoming.is_whole() { incoming.finish() } else { Ok(()) }
        };
        bring().map_err(|error| error.to_string())
    }

    /// The whole blob; `None`: it is not here.
    pub fn download(&self, hash: &ContentHash) -> Option<Vec<u8>> {
        fs::read(self.path(hash)).ok()
    }

    /// Where the blob lies once it is whole.
    pub fn path(&self, hash: &ContentHash) -> PathBuf {
        self.0.path(hash)
    }
}
