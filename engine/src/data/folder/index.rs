//! Content hashes of files that have not changed since they were read, as make and Git remember them.
//!
//! The digest of a folder hashes every file; reading 60 000 of them at each start of a runner would take minutes. So hashes are
//! kept in a file beside the decoded images, each with the *stamp* of the file it was made of: device, inode, size, time of
//! modification and time of change. A file whose stamp is the same is taken to be the same. The kernel sets the time of change
//! itself, on every write and on every attempt to turn the time of modification back, so that only somebody who sets the clock
//! back can deceive it. A file changed less than [`SETTLED`] before it was read is not remembered: it might change again within
//! the clock's resolution. An index that cannot be read or written only costs time. Removing it is always safe.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::super::digest::{self, Hashed};
use super::super::error::DataError;
use super::super::watch::{Count, Watch};
use super::parallel;

const FORMAT: u32 = 1;
/// Seconds: coarser than the time stamps of any file system, network ones included.
const SETTLED: i64 = 3;

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Result<Stamp, DataError> {
        let it = fs::metadata(path).map_err(DataError::io(path))?;
        Ok(Stamp {
            device: it.dev(),
            inode: it.ino(),
            size: it.size(),
            modified: (it.mtime(), it.mtime_nsec()),
            changed: (it.ctime(), it.ctime_nsec()),
        })
    }

    fn is_settled(&self, now: i64) -> bool {
        now - self.changed.0 >= SETTLED
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Contents {
    format: u32,
    /// By path: the stamp and the BLAKE3 hash, in hexadecimal.
    files: BTreeMap<String, (Stamp, String)>,
}

/// The index of one folder of images.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    contents: Contents,
}

impl Index {
    /// The index of `root`, kept in `cache_folder`; empty if there is none yet.
    pub fn open(cache_folder: &Path, root: &Path) -> Index {
        let whole = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let name = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
        let path = cache_folder.join(format!("index-{}.json", &name[..16]));
        let read = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Contents>(&text).ok());
        Index { path, contents: read.filter(|contents| contents.format == FORMAT).unwrap_or_default() }
    }

    /// Sizes and hashes of `files`, in their order; only those that are new or changed are read.
    pub fn hash_all(&mut self, files: &[PathBuf], watch: Watch) -> Result<Vec<Hashed>, DataError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        self.hash_all_at(files, watch, now)
    }

    fn hash_all_at(&mut self, files: &[PathBuf], watch: Watch, now: i64) -> Result<Vec<Hashed>, DataError> {
        let count = Count::new(watch, "reading images", files.len());
        let hashed = parallel::map(files, |file| {
            // The stamp comes first: what changes while it is read has another one next time.
            let stamp = Stamp::of(file)?;
            let known = self.contents.files.get(&key(file)).filter(|(known, _)| *known == stamp);
            let hashed = match known {
                Some((_, hash)) => Hashed { size: stamp.size, hash: hash.clone() },
                None => digest::of_file(file)?,
            };
            count.one()?;
            Ok::<_, DataError>((stamp, hashed))
        })?;
        let settled = files.iter().zip(&hashed).filter(|(_, (stamp, _))| stamp.is_settled(now));
        let entries = settled.map(|(file, (stamp, hashed))| (key(file), (*stamp, hashed.hash.clone())));
        self.keep(Contents { format: FORMAT, files: entries.collect() });
        Ok(hashed.into_iter().map(|(_, hashed)| hashed).collect())
    }

    fn keep(&mut self, contents: Contents) {
        if contents == self.contents {
            return;
        }
        self.contents = contents;
        if let Err(error) = self.write() {
            tracing::warn!(path = %self.path.display(), %error, "could not write the index of the images");
        }
    }

    /// Beside the final name, then renamed. A power cut may leave a torn file, which does not parse and so counts as none.
    fn write(&self) -> std::io::Result<()> {
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
        let temporary = self.path.with_extension(format!("tmp{}", std::process::id()));
        let written = fs::write(&temporary, serde_json::to_vec(&self.contents)?);
        written.and_then(|()| fs::rename(&temporary, &self.path)).inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })
    }
}

fn key(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: i64 = i64::MAX / 2;

    fn hashes(index: &mut Index, files: &[PathBuf], now: i64) -> Vec<String> {
        index.hash_all_at(files, Watch::NOBODY, now).unwrap().into_iter().map(|hashed| hashed.hash).collect()
    }

    /// Puts a lie into the index, which is told as long as it is believed.
    fn lie(index: &mut Index, file: &Path) {
        index.contents.files.get_mut(&key(file)).unwrap().1 = "lie".into();
        index.write().unwrap();
    }

    #[test]
    fn an_unchanged_file_is_not_read_again_and_a_changed_one_is() {
        let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = [root.path().join("a"), root.path().join("b")];
        for file in &files {
            fs::write(file, "1").unwrap();
        }
        let first = hashes(&mut Index::open(cache.path(), root.path()), &files, LATER);
        assert_eq!(first, [digest::of_file(&files[0]).unwrap().hash, first[0].clone()]);

        let mut index = Index::open(cache.path(), root.path());
        lie(&mut index, &files[0]);
        lie(&mut index, &files[1]);
        // Of the same size, and with the time of modification turned back.
        let before = fs::metadata(&files[1]).unwrap().modified().unwrap();
        fs::write(&files[1], "2").unwrap();
        fs::File::options().write(true).open(&files[1]).unwrap().set_modified(before).unwrap();
        // The clock of the file system must have moved on since the file was made.
        while Stamp::of(&files[1]).unwrap().changed == index.contents.files[&key(&files[1])].0.changed {
            fs::write(&files[1], "2").unwrap();
        }
        let second = hashes(&mut Index::open(cache.path(), root.path()), &files, LATER);
        assert_eq!(second, ["lie".to_owned(), digest::of_file(&files[1]).unwrap().hash]);
    }

    #[test]
    fn a_file_that_changed_a_moment_ago_is_not_remembered() {
        let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = [root.path().join("a")];
        fs::write(&files[0], "1").unwrap();
        let changed = Stamp::of(&files[0]).unwrap().changed.0;
        let mut index = Index::open(cache.path(), root.path());
        hashes(&mut index, &files, changed + SETTLED - 1);
        assert!(index.contents.files.is_empty());
        hashes(&mut index, &files, changed + SETTLED);
        assert_eq!(index.contents.files.len(), 1);
    }

    #[test]
    fn a_torn_index_counts_as_none() {
        let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = [root.path().join("a")];
        fs::write(&files[0], "1").unwrap();
        let mut index = Index::open(cache.path(), root.path());
        let first = hashes(&mut index, &files, LATER);
        let text = fs::read(&index.path).unwrap();
        fs::write(&index.path, &text[..text.len() / 2]).unwrap();
        let mut index = Index::open(cache.path(), root.path());
        assert!(index.contents.files.is_empty());
        assert_eq!(hashes(&mut index, &files, LATER), first);
    }
}
