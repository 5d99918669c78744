//! The folder of checkpoints: atomic writing, retention, and finding the newest that is whole.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::manifest::{MANIFEST_FILE, is_plain_name};
use super::{Error, FileEntry, Manifest, Result, StateReader, StateWriter};

const TENSORS_FILE: &str = "state.safetensors";
const VALUES_FILE: &str = "state.json";
/// How many of the newest are kept: if the newest is damaged, the one before is used.
const KEPT: usize = 2;

/// The checkpoints of one attempt, in `root/<sequence>/`.
#[derive(Debug)]
pub struct CheckpointStore {
    root: PathBuf,
    next: u64,
}

/// A checkpoint that is now on disk.
#[derive(Debug)]
pub struct Saved {
    pub folder: PathBuf,
    pub sequence: u64,
    /// Every file in it, the manifest included.
    pub files: Vec<FileEntry>,
}

/// A checkpoint that was found whole.
pub struct Found {
    pub manifest: Manifest,
    pub reader: StateReader,
}

impl CheckpointStore {
    /// Opens (and creates) `root`, and removes what an interrupted write left behind.
    pub fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(Error::io("create", root))?;
        for entry in list(root)? {
            if entry.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')) {
                fs::remove_dir_all(&entry).map_err(Error::io("remove", &entry))?;
            }
        }
        let next = sequences(root)?.first().map_or(0, |(sequence, _)| sequence + 1);
        Ok(Self { root: root.to_path_buf(), next })
    }

    /// The newest whole checkpoint among this store's own and `elsewhere` (newest first); damaged ones are logged.
    pub fn newest(&mut self, elsewhere: &[PathBuf]) -> Result<Option<Found>> {
        let own = sequences(&self.root)?.into_iter().map(|(_, folder)| folder);
        for folder in own.chain(elsewhere.iter().cloned()) {
            match read(&folder) {
                Ok(found) => {
                    // Later checkpoints must sort behind the one that they continue, also in a new attempt's folder.
                    self.next = self.next.max(found.manifest.sequence + 1);
                    return Ok(Some(found));
                }
                Err(error) => tracing::warn!(%error, "passing over a checkpoint"),
            }
        }
        Ok(None)
    }

    /// Writes a checkpoint, with the files `extra` (name in the checkpoint, path) linked into it, and then removes what
    /// retention lets go. When this returns, the checkpoint survives a power cut.
    pub fn save(&mut self, state: &StateWriter, extra: &[(String, PathBuf)], best: bool) -> Result<Saved> {
        let sequence = self.next;
        let staging = self.root.join(format!(".writing-{sequence}"));
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(Error::io("remove", &staging))?;
        }
        fs::create_dir(&staging).map_err(Error::io("create", &staging))?;
        let (tensors, values) = state.encode()?;
        let mut files = vec![write(&staging, TENSORS_FILE, &tensors)?, write(&staging, VALUES_FILE, &values)?];
        for (name, path) in extra {
            files.push(adopt(&staging, name, path)?);
        }
        let manifest = Manifest::new(sequence, best, files);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::Encode(e.to_string()))?;
        let mut files = manifest.files;
        files.push(write(&staging, MANIFEST_FILE, &text)?);
        sync_folder(&staging)?;
        let folder = self.root.join(format!("{sequence:06}"));
        fs::rename(&staging, &folder).map_err(Error::io("rename", &staging))?;
        sync_folder(&self.root)?;
        self.next += 1;
        self.retain()?;
        Ok(Saved { folder, sequence, files })
    }

    /// Keeps the last two and the newest with a best model.
    fn retain(&self) -> Result<()> {
        let all = sequences(&self.root)?;
        let is_best = |folder: &Path| Manifest::read(folder).is_ok_and(|m| m.best);
        let best = all.iter().find(|(_, folder)| is_best(folder)).map(|(sequence, _)| *sequence);
        for (sequence, folder) in all.iter().skip(KEPT) {
            if Some(*sequence) != best {
                fs::remove_dir_all(folder).map_err(Error::io("remove", folder))?;
            }
        }
        Ok(())
    }
}

/// Reads one checkpoint, all its files verified.
fn read(folder: &Path) -> Result<Found> {
    let manifest = Manifest::read(folder)?;
    let tensors = manifest.verified(folder, TENSORS_FILE)?;
    let values = manifest.verified(folder, VALUES_FILE)?;
    for file in &manifest.files {
        if file.name != TENSORS_FILE && file.name != VALUES_FILE {
            manifest.verified(folder, &file.name)?;
        }
    }
    Ok(Found { reader: StateReader::parse(folder, &tensors, &values)?, manifest })
}

fn list(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root).map_err(Error::io("list", root))?;
    entries.map(|entry| entry.map(|e| e.path()).map_err(Error::io("list", root))).collect()
}

/// The checkpoints under `root`, newest first.
fn sequences(root: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let number = |path: &Path| path.file_name()?.to_str()?.parse().ok();
    let mut found: Vec<_> = list(root)?.into_iter().filter_map(|path| Some((number(&path)?, path))).collect();
    found.sort_by_key(|(sequence, _)| std::cmp::Reverse(*sequence));
    Ok(found)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<FileEntry> {
    let path = folder.join(name);
    let mut file = File::create(&path).map_err(Error::io("create", &path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", &path))?;
    Ok(FileEntry {
        name: name.to_owned(),
        size_bytes: bytes.len() as u64,
        hash: blake3::hash(bytes).to_hex().to_string(),
    })
}

/// Links (or copies, across file systems) a finished file into a checkpoint.
fn adopt(folder: &Path, name: &str, path: &Path) -> Result<FileEntry> {
    if !is_plain_name(name) {
        return Err(Error::Encode(format!("{name:?} is not a plain file name")));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let target = folder.join(name);
    if fs::hard_link(path, &target).is_err() {
        return write(folder, name, &bytes);
    }
    File::open(&target).and_then(|f| f.sync_all()).map_err(Error::io("sync", &target))?;
    let hash = blake3::hash(&bytes).to_hex().to_string();
    Ok(FileEntry { name: name.to_owned(), size_bytes: bytes.len() as u64, hash })
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(Error::io("sync", folder))
}
