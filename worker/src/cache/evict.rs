//! Which blobs go when the cache is full.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub hash: ContentHash,
    pub size_bytes: u64,
    pub used: SystemTime,
}

/// What to remove, and what is held afterwards.
pub struct Plan {
    pub remove: Vec<Blob>,
    pub held_bytes: u64,
}

/// Every blob under the root. Files of other names are none of ours.
pub fn blobs(root: &Path) -> io::Result<Vec<Blob>> {
    let mut blobs = Vec::new();
    for folder in fs::read_dir(root)? {
        let folder = folder?;
        if folder.file_name().len() != 2 || !folder.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder.path())? {
            let entry = entry?;
            if let Ok(hash) = ContentHash::try_from(entry.file_name().to_string_lossy().into_owned()) {
                let meta = entry.metadata()?;
                blobs.push(Blob { hash, size_bytes: meta.len(), used: meta.modified()? });
            }
        }
    }
    Ok(blobs)
}

/// Least recently used first, down to nine tenths of the bound, so that not every insertion looks again.
pub fn choose(mut blobs: Vec<Blob>, bound_bytes: u64, is_pinned: impl Fn(&ContentHash) -> bool) -> Plan {
    blobs.sort_by_key(|blob| blob.used);
    let mut held_bytes: u64 = blobs.iter().map(|blob| blob.size_bytes).sum();
    let mut remove = Vec::new();
    for blob in blobs {
        if held_bytes <= bound_bytes / 10 * 9 {
            break;
        }
        if !is_pinned(&blob.hash) {
            held_bytes -= blob.size_bytes;
            remove.push(blob);
        }
    }
    Plan { remove, held_bytes }
}
