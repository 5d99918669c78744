//! Blobs: files named by the BLAKE3 hash of their bytes, under `SWEEP_HOME/artifacts/aa/<hash>`.
//!
//! A blob grows in `.incoming/`, where an upload that broke off is continued from what has arrived; its bytes are hashed as
//! they come, and again from the beginning after a break. Only when hash and size are right is it synced and renamed to
//! its name, so whatever bears a hash as its name is whole. Reports that name a blob count only when it is here.
//!
//! Where the settings name a bucket, the blobs are kept there (`depot`), and the folder is a bounded cache of them: a blob is here once the
//! bucket has it, and is brought into the folder when somebody wants its bytes. So there is one way to read a blob, wherever it is kept.

mod collect;
mod depot;
mod error;
mod incoming;
mod place;
mod service;
mod turns;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;
use tokio::task::spawn_blocking;

use crate::home::Home;

pub use collect::collect;
#[cfg(feature = "simulation")]
pub use collect::collect_older;
pub use depot::{Depot, Kept, Outage, hash_of, name_of};
pub use error::ArtifactError;
pub use incoming::Incoming;
pub use place::{ArtifactsIn, PlaceError, place};
pub use service::ArtifactService;
use turns::Turns;

/// The blob store; cheap to clone.
#[derive(Clone)]
pub struct Artifacts {
    home: Home,
    max_bytes: u64,
    /// Changes in progress: one at a time for each hash.
    turns: Turns,
    /// `None`: the home is where they are kept.
    depot: Option<Arc<Depot>>,
}

impl Artifacts {
    /// In the home.
    pub fn new(home: Home, max_bytes: u64) -> Self {
        Self { home, max_bytes, turns: Turns::default(), depot: None }
    }

    /// In a bucket, with the home as a cache.
    #[must_use]
    pub fn kept_in(self, depot: Arc<Depot>) -> Self {
        Self { turns: depot.turns(), depot: Some(depot), ..self }
    }

    pub fn depot(&self) -> Option<&Arc<Depot>> {
        self.depot.as_ref()
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Where the blob lies in the home, if it does.
    pub fn path(&self, hash: &ContentHash) -> PathBuf {
        self.home.blob(hash)
    }

    /// Whether the whole blob is here.
    pub fn has(&self, hash: &ContentHash) -> bool {
        self.depot.as_ref().is_some_and(|depot| depot.knows(hash)) || self.path(hash).is_file()
    }

    /// Size of the whole blob, or how much has arrived of it. Asking keeps it from being collected for a while.
    pub fn stat(&self, hash: &ContentHash) -> (bool, u64) {
        let kept = self.depot.as_ref().and_then(|depot| depot.asked(hash));
        if let Ok(file) = File::open(self.path(hash))
            && let Ok(meta) = file.metadata()
        {
            // Should this fail the blob might be collected too early, and its uploader would be told to send it again.
            let _ = file.set_modified(SystemTime::now());
            return (true, meta.len());
        }
        if let Some(size) = kept {
            return (true, size);
        }
        (false, fs::metadata(self.home.incoming().join(hash.as_str())).map_or(0, |meta| meta.len()))
    }

    /// The same, asked of the bucket as well where its contents are not known yet.
    pub async fn find(&self, hash: &ContentHash) -> (bool, u64) {
        let found = self.stat(hash);
        match &self.depot {
            Some(depot) if !found.0 && depot.look_for(hash).await => self.stat(hash),
            _ => found,
        }
    }

    /// Where the blob lies in the home, once it does.
    pub async fn local(&self, hash: &ContentHash) -> Result<PathBuf, ArtifactError> {
        let path = self.path(hash);
        match &self.depot {
            Some(depot) => depot.bring(hash).await?,
            None if !path.is_file() => return Err(ArtifactError::Unknown(hash.clone())),
            None => {}
        }
        Ok(path)
    }

    /// The bytes of a blob, for reading.
    pub async fn open(&self, hash: &ContentHash) -> Result<File, ArtifactError> {
        // Between the two a full cache may have let it go.
        for _ in 0..3 {
            let path = self.local(hash).await?;
            match spawn_blocking(move || File::open(path)).await.map_err(io::Error::other)? {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return Ok(opened?),
            }
        }
        Err(ArtifactError::Unknown(hash.clone()))
    }

    /// Checks what has arrived, and keeps it: once this returns it is durable.
    pub async fn finish(&self, incoming: Incoming) -> Result<(), ArtifactError> {
        let whole = spawn_blocking(|| incoming.verified()).await.map_err(io::Error::other)??;
        match &self.depot {
            None => spawn_blocking(|| whole.settle()).await.map_err(io::Error::other)?,
            Some(depot) => {
                // It goes on where whoever sent it goes away meanwhile.
                let depot = depot.clone();
                tokio::spawn(async move { depot.keep(whole).await }).await.map_err(io::Error::other)?
            }
        }
    }

    /// What to tell people of where a blob is: a file, or its URL.
    pub fn shown(&self, hash: &ContentHash) -> String {
        let path = self.path(hash);
        match &self.depot {
            Some(depot) if !path.is_file() => format!("{}/{}", depot.place(), name_of(hash)),
            _ => path.display().to_string(),
        }
    }

    /// Why the blobs cannot be reached at present, if so.
    pub fn outage(&self) -> Option<Arc<Outage>> {
        self.depot.as_ref()?.outage()
    }
}
