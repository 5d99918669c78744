//! From the bucket into the home.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;
use tokio::task::spawn_blocking;

use super::{Depot, name_of};
use crate::artifacts::ArtifactError;
use crate::artifacts::incoming::settle;

impl Depot {
    /// Returns once the blob lies in the home; continues what was brought of it before.
    pub async fn bring(&self, hash: &ContentHash) -> Result<(), ArtifactError> {
        if self.is_local(hash) {
            return Ok(());
        }
        let alone = self.bringing.lock().expect("no holder panics").entry(hash.clone()).or_default().clone();
        let brought = {
            let _guard = alone.lock().await;
            if self.is_local(hash) { Ok(()) } else { self.bring_alone(hash).await }
        };
        drop(alone);
        self.bringing.lock().expect("no holder panics").retain(|_, waiting| std::sync::Arc::strong_count(waiting) > 1);
        brought
    }

    fn is_local(&self, hash: &ContentHash) -> bool {
        let Ok(file) = File::open(self.home.blob(hash)) else { return false };
        // The one that was used last goes last.
        let _ = file.set_modified(SystemTime::now());
        true
    }

    async fn bring_alone(&self, hash: &ContentHash) -> Result<(), ArtifactError> {
        if !self.knows(hash) && self.index().is_complete() {
            return Err(ArtifactError::Unknown(hash.clone()));
        }
        let beside = self.beside(hash);
        let fresh = !beside.exists();
        if self.tried(hash, &beside).await? {
            return Ok(());
        }
        // A part from before may have been what was wrong.
        if !fresh && self.tried(hash, &beside).await? {
            return Ok(());
        }
        tracing::error!(%hash, place = %self.place(), "a blob in the artifact store holds other bytes than it did");
        let why = format!("{} holds other bytes than it did", name_of(hash));
        Err(self.bucket.damaged(why).into())
    }

    /// Brings it to its end: whether it is what its name says.
    async fn tried(&self, hash: &ContentHash, beside: &Path) -> Result<bool, ArtifactError> {
        let got = self.noted(self.bucket.get_file(&name_of(hash), beside).await);
        match got.map_err(ArtifactError::from) {
            Err(error @ ArtifactError::DiskFull) => {
                // It must not take the last of a full disk's space.
                let _ = fs::remove_file(beside);
                return Err(error);
            }
            Err(ArtifactError::Store(error)) if error.is_missing() => return Err(ArtifactError::Unknown(hash.clone())),
            got => got?,
        }
        let (from, to, wanted) = (beside.to_owned(), self.home.blob(hash), hash.clone());
        let settled = spawn_blocking(move || {
            let mut hasher = blake3::Hasher::new();
            io::copy(&mut File::open(&from)?, &mut hasher)?;
            if ContentHash::from(hasher.finalize()) != wanted {
                fs::remove_file(&from)?;
                return Ok(false);
            }
            settle(&from, &to).map(|()| true)
        });
        Ok(settled.await.map_err(io::Error::other)??)
    }

    /// Not the name under which an upload of the same blob would grow.
    fn beside(&self, hash: &ContentHash) -> PathBuf {
        self.home.incoming().join(format!("{hash}.brought"))
    }
}
