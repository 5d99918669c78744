//! To the bucket.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;
use tokio::task::spawn_blocking;

use super::{Depot, name_of};
use crate::artifacts::ArtifactError;
use crate::artifacts::incoming::Whole;

impl Depot {
    /// Sends what has arrived and was checked. It counts as here from then on; where that fails it stays where it is, to be sent again.
    pub async fn keep(&self, whole: Whole) -> Result<(), ArtifactError> {
        self.send(&whole.hash.clone(), &whole.from, whole.size).await?;
        let (hash, size) = (whole.hash.clone(), whole.size);
        // The bucket has it: that the cache has it as well is not needed.
        let settled = spawn_blocking(|| whole.settle()).await.map_err(io::Error::other)?;
        self.index().add(hash.clone(), size, SystemTime::now());
        if let Err(error) = settled {
            tracing::warn!(%hash, %error, "a blob could not be kept in the cache");
        }
        Ok(())
    }

    pub(super) async fn send(&self, hash: &ContentHash, file: &Path, size: u64) -> Result<(), ArtifactError> {
        self.sure().await?;
        let _permit = self.sending.acquire().await.map_err(io::Error::other)?;
        tracing::debug!(%hash, size, "a blob is sent to the artifact store");
        Ok(self.noted(self.bucket.put_file(&name_of(hash), file, None).await)?)
    }
}
