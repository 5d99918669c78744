//! `torch.save` since PyTorch 1.6: a zip archive in which `<name>/data.pkl` is a pickle and `<name>/data/<key>` are the storages.
//!
//! The entries are stored as they are, not compressed, so the tensors stay where they lie in the file. The `zip` crate, without
//! any of its decompressors, reads the directory (torch writes its zip64 form); sizes are checked against the file here, and
//! the checksums, which torch itself does not look at.

use std::collections::HashMap;
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::error::StateDictError;
use super::{StateDict, checkpoint, pickle};

const PICKLE: &str = "data.pkl";

/// Reads the tensors of the archive.
pub fn read(bytes: &[u8]) -> Result<StateDict<'_>, StateDictError> {
    let archive = Archive::open(bytes)?;
    let root = archive.root()?;
    if let Some(order) = archive.entries.get(&format!("{root}byteorder"))
        && order.bytes(bytes, "byteorder")? != b"little"
    {
        return Err(StateDictError::ByteOrder);
    }
    let name = format!("{root}{PICKLE}");
    let pickled = pickle::read(archive.content(&name)?)?;
    checkpoint::read(&pickled, |key| archive.content(&format!("{root}data/{key}")))
}

/// The directory of a zip archive.
struct Archive<'a> {
    bytes: &'a [u8],
    entries: HashMap<String, Entry>,
}

/// Where an entry lies.
struct Entry {
    start: u64,
    length: u64,
    checksum: u32,
    is_plain: bool,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, StateDictError> {
        let mut zip = ZipArchive::new(Cursor::new(bytes))?;
        let mut entries = HashMap::new();
        for index in 0..zip.len() {
            let file = zip.by_index_raw(index)?;
            let is_plain = file.compression() == CompressionMethod::Stored && !file.encrypted();
            let start = file.data_start().ok_or(ZipError::FileNotFound)?;
            let entry = Entry { start, length: file.size(), checksum: file.crc32(), is_plain };
            entries.insert(file.name()?.into_owned(), entry);
        }
        Ok(Self { bytes, entries })
    }

    /// What stands in front of `data.pkl`: the name that the file had when it was saved, and a slash.
    fn root(&self) -> Result<&str, StateDictError> {
        let roots = self.entries.keys().filter_map(|name| name.strip_suffix(PICKLE));
        let shortest =
            roots.filter(|root| root.is_empty() || root.ends_with('/')).min_by_key(|root| (root.len(), *root));
        let script = || self.entries.keys().any(|name| name.ends_with("/constants.pkl"));
        match shortest {
            Some(_) if script() => Err(StateDictError::Script),
            Some(root) => Ok(root),
            None => Err(StateDictError::NoPickle { entries: self.entries.len() }),
        }
    }

    fn content(&self, name: &str) -> Result<&'a [u8], StateDictError> {
        let entry = self.entries.get(name).ok_or_else(|| StateDictError::NoEntry { name: name.into() })?;
        entry.bytes(self.bytes, name)
    }
}

impl Entry {
    fn bytes<'a>(&self, file: &'a [u8], name: &str) -> Result<&'a [u8], StateDictError> {
        if !self.is_plain {
            return Err(StateDictError::Compressed { name: name.into() });
        }
        let range = || {
            let (start, end) = (self.start, self.start.checked_add(self.length)?);
            file.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
        };
        let content = range().ok_or_else(|| StateDictError::Truncated { what: format!("entry {name:?}") })?;
        // A fuzzer would get no further than this.
        if !cfg!(fuzzing) && crc32fast::hash(content) != self.checksum {
            return Err(StateDictError::Checksum { name: name.into() });
        }
        Ok(content)
    }
}
