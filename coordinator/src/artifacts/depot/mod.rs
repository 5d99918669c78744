//! The blobs of a home whose artifacts are kept in a bucket, under `<place>/artifacts/aa/<hash>`: the layout of the folder.
//!
//! What arrives is checked on this disk first, sent to the bucket, and counts as here once the bucket has it (`keep`). Which blobs it has is
//! known from one listing at the start and from what was sent since (`index`), so that the dispatcher never waits for the network. Bytes
//! come back when somebody asks for them, are checked against their hash, and stay in the folder as long as there is room (`bring`, `cache`).
//! What lies in the folder and not in the bucket, as after a home begins to use one, is sent in the background (`background`).
//!
//! While the bucket is away (`outage`), what is in the folder can be read; nothing new is acknowledged: agents keep their files and go on
//! trying. A bucket belongs to one database (`owner`): another one's blobs would look like rubbish to be collected.

mod background;
mod bring;
mod cache;
mod index;
mod keep;
mod outage;
mod owner;
#[cfg(test)]
mod real;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;
use tokio::sync::{OnceCell, Semaphore, watch};

use super::ArtifactError;
use super::turns::Turns;
use crate::bucket::{Bucket, BucketError, Place};
use crate::home::Home;
use index::Index;

pub use outage::Outage;
pub use owner::{Kept, NotKept, claim};

/// Files on their way to the bucket at once.
const SENDING: usize = 4;

pub struct Depot {
    home: Home,
    bucket: Bucket,
    /// Of the database whose blobs these are.
    id: String,
    /// Set once the bucket has said whose it is.
    ours: OnceCell<()>,
    turns: Turns,
    index: Mutex<Index>,
    outage: watch::Sender<Option<Arc<Outage>>>,
    sending: Semaphore,
    /// One at a time for each blob, however many want it.
    bringing: Mutex<HashMap<ContentHash, Arc<tokio::sync::Mutex<()>>>>,
    /// How much of it the folder may hold.
    cache_bytes: u64,
    /// Held by whoever brings blobs to give them their names in results/.
    pub naming: tokio::sync::Mutex<()>,
}

/// What a blob is called below the bucket's place.
pub fn name_of(hash: &ContentHash) -> String {
    format!("artifacts/{}/{hash}", &hash.as_str()[..2])
}

/// Which blob an object is; `None`: none.
pub fn hash_of(name: &str) -> Option<ContentHash> {
    let hash = ContentHash::try_from(name.rsplit('/').next()?.to_owned()).ok()?;
    (name_of(&hash) == name).then_some(hash)
}

impl Depot {
    /// Nothing is asked of the bucket yet.
    pub fn new(home: Home, bucket: Bucket, id: String, cache_bytes: u64) -> Self {
        Self {
            home,
            bucket,
            id,
            ours: OnceCell::new(),
            turns: Turns::default(),
            index: Mutex::default(),
            outage: watch::Sender::new(None),
            sending: Semaphore::new(SENDING),
            bringing: Mutex::default(),
            cache_bytes,
            naming: tokio::sync::Mutex::default(),
        }
    }

    pub fn place(&self) -> &Place {
        self.bucket.place()
    }

    pub(super) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// Whether the bucket is known to have it.
    pub fn knows(&self, hash: &ContentHash) -> bool {
        self.index().knows(hash)
    }

    /// Its size, if the bucket is known to have it. Asking keeps it from being collected for a while.
    pub fn asked(&self, hash: &ContentHash) -> Option<u64> {
        self.index().ask(hash, SystemTime::now())
    }

    /// Asks the bucket for a blob, where its contents are not known yet. An outage is an answer: then it is not here.
    pub async fn look_for(&self, hash: &ContentHash) -> bool {
        if self.index().is_complete() {
            return false;
        }
        match self.noted(self.bucket.size(&name_of(hash)).await) {
            Ok(Some(size)) => {
                self.index().add(hash.clone(), size, SystemTime::now());
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Blobs that nobody has asked for since `before`.
    pub fn old(&self, before: SystemTime) -> Vec<ContentHash> {
        self.index().old(before)
    }

    /// Deletes a blob that no row names, unless somebody asked for it meanwhile: whether it is gone.
    pub async fn delete(&self, hash: &ContentHash, before: SystemTime) -> Result<bool, ArtifactError> {
        let _turn = self.turns.take(hash)?;
        let Some(known) = self.index().take_old(hash, before) else { return Ok(false) };
        if let Err(error) = self.noted(self.bucket.delete(&name_of(hash)).await) {
            self.index().put_back(hash.clone(), known);
            return Err(error.into());
        }
        Ok(true)
    }

    fn index(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().expect("no holder panics")
    }

    /// Takes notice of how it went: an outage begins or ends.
    fn noted<T>(&self, tried: Result<T, BucketError>) -> Result<T, BucketError> {
        match &tried {
            Ok(_) => self.is_back(),
            Err(error) => match Outage::of(error) {
                Some(outage) => self.is_away(outage),
                None if error.cause().is_some() => self.is_back(),
                None => {}
            },
        }
        tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_blob_only_under_its_own_name() {
        let hash = ContentHash::of(b"a");
        assert_eq!(hash_of(&name_of(&hash)), Some(hash.clone()));
        for name in
            [hash.to_string(), format!("artifacts/00/{hash}"), format!("backups/{hash}"), "artifacts/ab/".to_owned()]
        {
            assert_eq!(hash_of(&name), None, "{name}");
        }
    }
}
