//! What goes on without anybody asking: finding out what the bucket has, sending what it lacks, keeping the cache small, and noticing the end
//! of an outage.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::cache::Cached;
use super::{Depot, hash_of};
use crate::artifacts::ArtifactError;

const PAUSE: Duration = Duration::from_mins(1);
/// While the bucket is away.
const AGAIN: Duration = Duration::from_secs(5);

impl Depot {
    pub async fn always(self: Arc<Self>, stop: CancellationToken) {
        let mut outages = self.outage.subscribe();
        loop {
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.round() => round,
            };
            if let Err(error) = &round {
                tracing::debug!(%error, "the artifact store is asked again in a moment");
            }
            outages.mark_unchanged();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(if round.is_ok() { PAUSE } else { AGAIN }) => {}
                // Somebody has found it away.
                _ = outages.changed(), if round.is_ok() => {}
            }
        }
    }

    pub(super) async fn round(self: &Arc<Self>) -> Result<(), ArtifactError> {
        self.sure().await?;
        if self.outage().is_some() {
            self.noted(self.bucket.probe().await)?;
        }
        self.list().await?;
        let this = self.clone();
        let local = spawn_blocking(move || this.local()).await.map_err(std::io::Error::other)?;
        for file in local.iter().filter(|file| !self.knows(&file.hash)) {
            self.send_on(file).await?;
        }
        let this = self.clone();
        Ok(spawn_blocking(move || this.make_room(local, SystemTime::now())).await.map_err(std::io::Error::other)?)
    }

    /// Once.
    async fn list(&self) -> Result<(), ArtifactError> {
        if self.index().is_complete() {
            return Ok(());
        }
        let objects = self.noted(self.bucket.list("artifacts").await)?;
        let blobs = objects.into_iter().filter_map(|object| Some((hash_of(&object.name)?, object.size_bytes)));
        let blobs: Vec<_> = blobs.collect();
        tracing::info!(blobs = blobs.len(), place = %self.place(), "the artifact store is known");
        self.index().listed(blobs, SystemTime::now());
        Ok(())
    }

    /// A blob that the home has and the bucket lacks.
    async fn send_on(&self, file: &Cached) -> Result<(), ArtifactError> {
        let Ok(_turn) = self.turns.take(&file.hash) else { return Ok(()) };
        match self.send(&file.hash, &file.path, file.size_bytes).await {
            Ok(()) => {
                self.index().add(file.hash.clone(), file.size_bytes, file.used);
                Ok(())
            }
            // Collected meanwhile.
            Err(ArtifactError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
