//! Who may change a blob: one at a time for each hash.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use sweep_shared::ids::ContentHash;

use super::ArtifactError;

/// Cheap to clone; all clones know of each other.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashSet<ContentHash>>>);

/// The right to change a blob, given back when dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    hash: ContentHash,
}

impl Turns {
    pub fn take(&self, hash: &ContentHash) -> Result<Turn, ArtifactError> {
        if !self.0.lock().expect("no holder panics").insert(hash.clone()) {
            return Err(ArtifactError::Busy(hash.clone()));
        }
        Ok(Turn { turns: self.clone(), hash: hash.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().expect("no holder panics").remove(&self.hash);
    }
}
