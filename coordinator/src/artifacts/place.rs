//! Where the settings say that artifacts are kept, against what the database remembers.

use std::sync::Arc;

use super::depot::{self, Depot, Kept, NotKept};
use super::{Artifacts, name_of};
use crate::bucket::{Bucket, Cause, Settings};
use crate::luck::Luck;
use crate::store::{KeepIn, Store, StoreError, upkeep};

/// What the settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ArtifactsIn {
    /// Nothing: in the home, as always.
    #[default]
    Unsaid,
    /// In the home, from now on.
    Home,
    Bucket(Settings),
}

/// Why a coordinator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(transparent)]
    NotKept(#[from] NotKept),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PlaceError {
    /// Whether nobody has to correct anything for it to work later.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::NotKept(NotKept::Bucket(error)) if error.cause() == Some(Cause::Away))
    }
}

/// Where the database's blobs are, from now on. A bucket that the database remembers is not asked: it may be away. One that is new to it must
/// answer.
pub async fn place(
    artifacts: Artifacts,
    wanted: &ArtifactsIn,
    cache_bytes: u64,
    store: &Store,
    luck: &dyn Luck,
) -> Result<Artifacts, PlaceError> {
    let kept = store.kept_in().await?;
    let (settings, kept) = match (wanted, kept) {
        (ArtifactsIn::Unsaid | ArtifactsIn::Home, None) => return Ok(artifacts),
        (ArtifactsIn::Unsaid, Some(kept)) => return Err(NotKept::Forgotten(kept.url).into()),
        (ArtifactsIn::Home, Some(kept)) => return come_home(artifacts, store, kept).await,
        (ArtifactsIn::Bucket(settings), kept) => (settings, kept),
    };
    let bucket = Bucket::open(settings).map_err(NotKept::from)?;
    let kept = match kept {
        Some(kept) if kept.url == bucket.place().to_string() => kept,
        kept => {
            let claimed = depot::claim(&bucket, kept.as_ref(), || luck.name()).await?;
            store.write(KeepIn(Some(claimed.clone()))).await?;
            claimed
        }
    };
    let depot = Depot::new(artifacts.home().clone(), bucket, kept.id, cache_bytes);
    Ok(artifacts.kept_in(Arc::new(depot)))
}

/// Only once everything is here.
async fn come_home(artifacts: Artifacts, store: &Store, kept: Kept) -> Result<Artifacts, PlaceError> {
    let named = upkeep::named_blobs(&artifacts.home().database())
        .await
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    let missing = named
        .iter()
        .filter(|hash| !artifacts.has(hash))
        .inspect(|hash| tracing::warn!("{} is missing", name_of(hash)))
        .count();
    if missing > 0 {
        return Err(NotKept::NotHere { missing, url: kept.url, folder: artifacts.home().artifacts() }.into());
    }
    store.write(KeepIn(None)).await?;
    Ok(artifacts)
}
