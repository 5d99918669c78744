//! `manifest.json`: what a checkpoint consists of, so that damage is seen before anything is trusted.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, Result};

pub const MANIFEST_FILE: &str = "manifest.json";
const FORMAT: u32 = 1;

/// The contents of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Counts the checkpoints of a job over all its attempts; higher is newer.
    pub sequence: u64,
    /// Whether the best model so far was new in this checkpoint.
    pub best: bool,
    pub files: Vec<FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// A plain file name, in the checkpoint's folder.
    pub name: String,
    pub size_bytes: u64,
    /// BLAKE3, in hexadecimal.
    pub hash: String,
}

impl Manifest {
    pub fn new(sequence: u64, best: bool, files: Vec<FileEntry>) -> Self {
        Self { format: FORMAT, sequence, best, files }
    }

    /// Reads the manifest of a checkpoint's folder, without looking at the other files.
    pub fn read(folder: &Path) -> Result<Self> {
        let damaged = |reason: String| Error::Damaged { folder: folder.to_path_buf(), reason };
        let path = folder.join(MANIFEST_FILE);
        let text = std::fs::read(&path).map_err(|e| damaged(format!("{MANIFEST_FILE}: {e}")))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|e| damaged(format!("{MANIFEST_FILE}: {e}")))?;
        if manifest.format != FORMAT {
            return Err(damaged(format!("format {} is not {FORMAT}", manifest.format)));
        }
        match manifest.files.iter().find(|f| !is_plain_name(&f.name)) {
            Some(file) => Err(damaged(format!("{:?} is not a plain file name", file.name))),
            None => Ok(manifest),
        }
    }

    /// The bytes of the listed file `name`, after size and hash were compared.
    pub fn verified(&self, folder: &Path, name: &str) -> Result<Vec<u8>> {
        let damaged = |reason: String| Error::Damaged { folder: folder.to_path_buf(), reason };
        let entry = self.files.iter().find(|f| f.name == name).ok_or_else(|| damaged(format!("no {name}")))?;
        let bytes = std::fs::read(folder.join(name)).map_err(|e| damaged(format!("{name}: {e}")))?;
        if bytes.len() as u64 != entry.size_bytes {
            return Err(damaged(format!("{name} has {} bytes instead of {}", bytes.len(), entry.size_bytes)));
        }
        if blake3::hash(&bytes).to_hex().as_str() != entry.hash {
            return Err(damaged(format!("{name} does not match its hash")));
        }
        Ok(bytes)
    }
}

/// Names that cannot leave the folder they are joined to.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}
