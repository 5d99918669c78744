//! Blobs: files named by the BLAKE3 hash of their bytes, under `SWEEP_HOME/artifacts/aa/<hash>`.
//!
//! A blob grows in `.incoming/`, where an upload that broke off is continued from what has arrived; its bytes are hashed as
//! they come, and again from the beginning after a break. Only when hash and size are right is it synced and renamed to
//! its name, so whatever bears a hash as its name is whole. Reports that name a blob count only when it is here.

mod collect;
mod error;
mod incoming;
mod service;

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;

use crate::home::Home;

pub use collect::collect;
#[cfg(feature = "simulation")]
pub use collect::collect_older;
pub use error::ArtifactError;
pub use incoming::Incoming;
pub use service::ArtifactService;

/// The blob store; cheap to clone.
#[derive(Clone)]
pub struct Artifacts {
    home: Home,
    max_bytes: u64,
    /// Uploads in progress: one at a time for each hash.
    busy: Arc<Mutex<HashSet<ContentHash>>>,
}

impl Artifacts {
    pub fn new(home: Home, max_bytes: u64) -> Self {
        Self { home, max_bytes, busy: Arc::default() }
    }

    pub fn path(&self, hash: &ContentHash) -> PathBuf {
        self.home.blob(hash)
    }

    /// Whether the whole blob is here.
    pub fn has(&self, hash: &ContentHash) -> bool {
        self.path(hash).is_file()
    }

    /// Size of the whole blob, or how much has arrived of it. Asking keeps it from being collected for a while.
    pub fn stat(&self, hash: &ContentHash) -> (bool, u64) {
        if let Ok(file) = File::open(self.path(hash))
            && let Ok(meta) = file.metadata()
        {
            // Should this fail the blob might be collected too early, and its uploader would be told to send it again.
            let _ = file.set_modified(SystemTime::now());
            return (true, meta.len());
        }
        (false, fs::metadata(self.home.incoming().join(hash.as_str())).map_or(0, |meta| meta.len()))
    }
}
