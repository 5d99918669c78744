//! One upload.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sweep_shared::ids::ContentHash;

use super::turns::Turn;
use super::{ArtifactError, Artifacts};

/// A blob that is arriving. Dropped before [`Incoming::finish`], it stays where it is, to be continued.
#[derive(Debug)]
pub struct Incoming {
    hash: ContentHash,
    size: u64,
    received: u64,
    hasher: blake3::Hasher,
    file: File,
    from: PathBuf,
    to: PathBuf,
    turn: Turn,
}

impl Artifacts {
    /// Begins an upload, or continues one at the offset it stands at (0 begins anew). What has arrived before is read and
    /// hashed again, since nobody knows what became of it. `None`: the blob is here already.
    pub fn receive(&self, hash: ContentHash, size: u64, offset: u64) -> Result<Option<Incoming>, ArtifactError> {
        if size > self.max_bytes {
            return Err(ArtifactError::TooLarge { size, max: self.max_bytes });
        }
        if self.has(&hash) {
            return Ok(None);
        }
        let turn = self.turns.take(&hash)?;
        let from = self.home.incoming().join(hash.as_str());
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(offset == 0).mode(0o600).open(&from)?;
        let mut hasher = blake3::Hasher::new();
        let received = rehash(&mut file, &mut hasher)?;
        if received != offset {
            return Err(ArtifactError::Offset { asked: offset, received });
        }
        let to = self.path(&hash);
        Ok(Some(Incoming { hash, size, received, hasher, file, from, to, turn }))
    }
}

/// Reads to the end, where writing goes on.
fn rehash(file: &mut File, hasher: &mut blake3::Hasher) -> Result<u64, ArtifactError> {
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(total);
        }
        hasher.update(&buffer[..read]);
        total += read as u64;
    }
}

impl Incoming {
    pub fn write(&mut self, data: &[u8]) -> Result<(), ArtifactError> {
        if self.received + data.len() as u64 > self.size {
            self.discard();
            return Err(ArtifactError::TooLong { size: self.size });
        }
        self.file.write_all(data).map_err(|error| self.undone(error))?;
        self.hasher.update(data);
        self.received += data.len() as u64;
        Ok(())
    }

    /// Whether the last byte is here.
    pub fn is_whole(&self) -> bool {
        self.received == self.size
    }

    /// Checks the hash. Bytes that hash to something else are thrown away.
    pub fn verified(self) -> Result<Whole, ArtifactError> {
        let actual = ContentHash::from(self.hasher.finalize());
        if actual != self.hash {
            self.discard();
            return Err(ArtifactError::Corrupt { expected: self.hash.clone(), actual });
        }
        self.file.sync_all().map_err(|error| self.undone(error))?;
        let Self { hash, size, from, to, turn, .. } = self;
        Ok(Whole { hash, size, from, to, _turn: turn })
    }

    /// Checks the hash, and makes the blob durable under its name in the home.
    pub fn finish(self) -> Result<(), ArtifactError> {
        self.verified()?.settle()
    }

    /// What has arrived must not take the last of a full disk's space: it goes, and is sent again when there is room.
    fn undone(&self, error: io::Error) -> ArtifactError {
        let error = ArtifactError::from(error);
        if matches!(error, ArtifactError::DiskFull) {
            self.discard();
        }
        error
    }

    /// Nothing can be done about a failure: the next upload from offset 0 truncates the file.
    fn discard(&self) {
        let _ = fs::remove_file(&self.from);
    }
}

/// Bytes that are on disk and are those that the hash names; the right to change the blob goes with them.
#[derive(Debug)]
pub struct Whole {
    pub(super) hash: ContentHash,
    pub(super) size: u64,
    pub(super) from: PathBuf,
    to: PathBuf,
    _turn: Turn,
}

impl Whole {
    /// Gives them their name in the home.
    pub fn settle(self) -> Result<(), ArtifactError> {
        Ok(settle(&self.from, &self.to)?)
    }
}

/// Renames a synced file to a blob's name.
pub fn settle(from: &Path, to: &Path) -> io::Result<()> {
    // Blobs have other names in results/: nobody may change them through those.
    fs::set_permissions(from, fs::Permissions::from_mode(0o444))?;
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    fs::rename(from, to)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::{Home, HomeLock};

    fn store(max: u64) -> (tempfile::TempDir, HomeLock, Artifacts) {
        let folder = tempfile::tempdir().unwrap();
        let lock = Home::new(folder.path()).lock().unwrap();
        let artifacts = Artifacts::new(lock.home().clone(), max);
        (folder, lock, artifacts)
    }

    fn upload(artifacts: &Artifacts, bytes: &[u8]) -> ContentHash {
        let hash = ContentHash::of(bytes);
        let mut incoming = artifacts.receive(hash.clone(), bytes.len() as u64, 0).unwrap().unwrap();
        incoming.write(bytes).unwrap();
        incoming.finish().unwrap();
        hash
    }

    #[test]
    fn a_blob_is_here_when_it_is_whole_and_not_before() {
        let (_folder, _lock, artifacts) = store(100);
        let hash = ContentHash::of(b"hello");
        let mut incoming = artifacts.receive(hash.clone(), 5, 0).unwrap().unwrap();
        incoming.write(b"hel").unwrap();
        assert!(!artifacts.has(&hash));
        incoming.write(b"lo").unwrap();
        assert!(incoming.is_whole());
        incoming.finish().unwrap();
        assert_eq!(fs::read(artifacts.path(&hash)).unwrap(), b"hello");
        assert_eq!(artifacts.stat(&hash), (true, 5));
        assert!(artifacts.receive(hash, 5, 0).unwrap().is_none());
    }

    #[test]
    fn a_broken_upload_is_continued_where_it_stands() {
        let (_folder, _lock, artifacts) = store(100);
        let hash = ContentHash::of(b"hello world");
        let mut first = artifacts.receive(hash.clone(), 11, 0).unwrap().unwrap();
        first.write(b"hello").unwrap();
        drop(first);
        assert_eq!(artifacts.stat(&hash), (false, 5));
        let wrong = artifacts.receive(hash.clone(), 11, 4).unwrap_err();
        assert!(matches!(wrong, ArtifactError::Offset { asked: 4, received: 5 }), "{wrong}");
        let mut second = artifacts.receive(hash.clone(), 11, 5).unwrap().unwrap();
        second.write(b" world").unwrap();
        second.finish().unwrap();
        assert!(artifacts.has(&hash));
    }

    #[test]
    fn bytes_that_were_damaged_on_disk_between_two_parts_are_found() {
        let (_folder, lock, artifacts) = store(100);
        let hash = ContentHash::of(b"hello world");
        let mut first = artifacts.receive(hash.clone(), 11, 0).unwrap().unwrap();
        first.write(b"hello").unwrap();
        drop(first);
        fs::write(lock.home().incoming().join(hash.as_str()), b"jello").unwrap();
        let mut second = artifacts.receive(hash.clone(), 11, 5).unwrap().unwrap();
        second.write(b" world").unwrap();
        assert!(matches!(second.finish().unwrap_err(), ArtifactError::Corrupt { .. }));
        assert_eq!(artifacts.stat(&hash), (false, 0), "the damaged bytes are gone");
    }

    #[test]
    fn wrong_bytes_too_many_bytes_and_too_large_blobs_are_refused() {
        let (_folder, _lock, artifacts) = store(10);
        let hash = ContentHash::of(b"hello");
        let mut wrong = artifacts.receive(hash.clone(), 5, 0).unwrap().unwrap();
        wrong.write(b"jello").unwrap();
        assert!(matches!(wrong.finish().unwrap_err(), ArtifactError::Corrupt { .. }));
        let mut long = artifacts.receive(hash.clone(), 5, 0).unwrap().unwrap();
        assert!(matches!(long.write(b"hello!").unwrap_err(), ArtifactError::TooLong { size: 5 }));
        drop(long);
        assert!(matches!(artifacts.receive(hash.clone(), 11, 0).unwrap_err(), ArtifactError::TooLarge { .. }));
        assert!(!artifacts.has(&hash));
    }

    #[test]
    fn two_uploads_of_one_blob_take_turns() {
        let (_folder, _lock, artifacts) = store(10);
        let hash = ContentHash::of(b"hello");
        let first = artifacts.receive(hash.clone(), 5, 0).unwrap().unwrap();
        assert!(matches!(artifacts.receive(hash.clone(), 5, 0).unwrap_err(), ArtifactError::Busy(_)));
        drop(first);
        assert!(artifacts.receive(hash, 5, 0).is_ok());
    }

    #[test]
    fn an_empty_blob_is_a_blob() {
        let (_folder, _lock, artifacts) = store(10);
        let hash = upload(&artifacts, b"");
        assert_eq!(artifacts.stat(&hash), (true, 0));
    }
}
