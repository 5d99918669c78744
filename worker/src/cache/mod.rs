//! Blobs by hash, on this machine: what was fetched for attempts and what attempts made.
//!
//! A blob lies at `aa/<hash>` and is read-only. Attempts get hard links, so removing a blob from the cache never takes
//! it from an attempt. Nothing is believed that was not hashed by this incarnation: a power cut can leave a file of the
//! right size with the wrong bytes. Blobs that a report still needs are pinned; of the others the least recently used
//! go when the bound is passed.

mod evict;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;
use tokio::task::spawn_blocking;

/// The cache of one agent. Lives on the agent's thread.
pub struct Cache {
    root: PathBuf,
    bound_bytes: u64,
    held_bytes: Cell<u64>,
    /// Hashed by this incarnation.
    verified: RefCell<HashSet<ContentHash>>,
    pins: Rc<RefCell<HashMap<ContentHash, u32>>>,
    staged: Cell<u64>,
}

/// Keeps a blob from being evicted while it exists.
pub struct Pin {
    hash: ContentHash,
    pins: Rc<RefCell<HashMap<ContentHash, u32>>>,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.pins.borrow_mut();
        if let Some(count) = pins.get_mut(&self.hash) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.hash);
            }
        }
    }
}

impl Cache {
    /// Opens the cache. What an earlier incarnation was still writing is removed; unfinished downloads are kept.
    pub fn open(root: &Path, bound_bytes: u64) -> io::Result<Self> {
        let staging = root.join("staging");
        if staging.exists() {
            fs::remove_dir_all(&staging)?;
        }
        fs::create_dir_all(&staging)?;
        fs::create_dir_all(root.join("incoming"))?;
        Ok(Self {
            held_bytes: Cell::new(evict::blobs(root)?.iter().map(|blob| blob.size_bytes).sum()),
            root: root.to_owned(),
            bound_bytes,
            verified: RefCell::default(),
            pins: Rc::default(),
            staged: Cell::new(0),
        })
    }

    /// Where the blob lies, if it is here.
    pub fn path(&self, hash: &ContentHash) -> PathBuf {
        self.root.join(&hash.as_str()[..2]).join(hash.as_str())
    }

    /// Where a download of the blob grows; it survives restarts.
    pub fn incoming_path(&self, hash: &ContentHash) -> PathBuf {
        self.root.join("incoming").join(hash.as_str())
    }

    /// A new path on the cache's file system, for a file that [`Self::adopt`] will take.
    pub fn staging_path(&self) -> PathBuf {
        self.staged.set(self.staged.get() + 1);
        self.root.join("staging").join(self.staged.get().to_string())
    }

    pub fn pin(&self, hash: &ContentHash) -> Pin {
        *self.pins.borrow_mut().entry(hash.clone()).or_insert(0) += 1;
        Pin { hash: hash.clone(), pins: Rc::clone(&self.pins) }
    }

    /// Whether the blob is here, whole. A damaged one is removed.
    pub async fn has(&self, hash: &ContentHash) -> io::Result<bool> {
        let path = self.path(hash);
        if !path.exists() {
            return Ok(false);
        }
        if !self.verified.borrow().contains(hash) {
            let hashed = hash_file(path.clone()).await;
            if !hashed.as_ref().is_ok_and(|(actual, _)| actual == hash) {
                tracing::warn!(%hash, unreadable = ?hashed.err(), "a cached blob was damaged; it is fetched again");
                let size_bytes = fs::metadata(&path).map_or(0, |meta| meta.len());
                fs::remove_file(&path)?;
                self.held_bytes.set(self.held_bytes.get().saturating_sub(size_bytes));
                return Ok(false);
            }
            self.verified.borrow_mut().insert(hash.clone());
        }
        touch(&path);
        Ok(true)
    }

    /// Hashes a staged file and makes it a blob.
    pub async fn adopt(&self, staged: &Path) -> io::Result<(ContentHash, u64)> {
        let (hash, size_bytes) = hash_file(staged.to_owned()).await?;
        self.insert(staged, &hash, size_bytes)?;
        Ok((hash, size_bytes))
    }

    /// Moves a file, whose hash the caller has computed, into its place.
    pub fn insert(&self, from: &Path, hash: &ContentHash, size_bytes: u64) -> io::Result<()> {
        let path = self.path(hash);
        if self.verified.borrow().contains(hash) && path.exists() {
            touch(&path);
            return fs::remove_file(from);
        }
        fs::set_permissions(from, Permissions::from_mode(0o444))?;
        fs::create_dir_all(path.parent().expect("a blob lies in a folder"))?;
        let replaced = fs::metadata(&path).map_or(0, |meta| meta.len());
        fs::rename(from, &path)?;
        touch(&path);
        self.verified.borrow_mut().insert(hash.clone());
        self.held_bytes.set((self.held_bytes.get() + size_bytes).saturating_sub(replaced));
        self.evict()
    }

    fn evict(&self) -> io::Result<()> {
        if self.held_bytes.get() <= self.bound_bytes {
            return Ok(());
        }
        let blobs = evict::blobs(&self.root)?;
        let pins = self.pins.borrow();
        let plan = evict::choose(blobs, self.bound_bytes, |hash| pins.contains_key(hash));
        for blob in plan.remove {
            fs::remove_file(self.path(&blob.hash))?;
            self.verified.borrow_mut().remove(&blob.hash);
        }
        self.held_bytes.set(plan.held_bytes);
        Ok(())
    }
}

/// Now is when the blob was last used.
fn touch(path: &Path) {
    let used = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = used {
        tracing::debug!(path = %path.display(), %error, "cannot note when a blob was used");
    }
}

/// Hash and size, computed where blocking is allowed.
pub async fn hash_file(path: PathBuf) -> io::Result<(ContentHash, u64)> {
    spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        let mut file = File::open(&path)?;
        let size_bytes = io::copy(&mut file, &mut hasher)?;
        Ok((ContentHash::from(hasher.finalize()), size_bytes))
    })
    .await
    .map_err(io::Error::other)?
}
