//! What a data set on disk contains, as one hash: BLAKE3 over a sorted manifest of (name, size, content hash).

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::folder::parallel;

/// A file's contents, as far as the digest is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// In bytes.
    pub size: u64,
    /// BLAKE3, in hexadecimal.
    pub hash: String,
}

/// Reads a file.
pub fn of_file(file: &Path) -> Result<Hashed, DataError> {
    let contents = std::fs::read(file).map_err(DataError::io(file))?;
    Ok(Hashed { size: contents.len() as u64, hash: blake3::hash(&contents).to_hex().to_string() })
}

/// The digest of `files`, which lie under `root`; reads them all.
pub fn of_files(root: &Path, files: &[PathBuf]) -> Result<String, DataError> {
    Ok(of_hashed(root, files, &parallel::map(files, |file| of_file(file))?))
}

/// The digest of `files`, which lie under `root`, from their hashes in the same order. Names are taken relative to `root`, so a
/// moved folder keeps its digest.
pub fn of_hashed(root: &Path, files: &[PathBuf], hashed: &[Hashed]) -> String {
    let line = |(file, Hashed { size, hash }): (&PathBuf, &Hashed)| {
        format!("{}\0{size}\0{hash}\n", file.strip_prefix(root).unwrap_or(file).display())
    };
    let mut lines: Vec<String> = files.iter().zip(hashed).map(line).collect();
    lines.sort_unstable();
    blake3::hash(lines.concat().as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
        for (path, (_, contents)) in paths.iter().zip(files) {
            std::fs::write(path, contents).unwrap();
        }
        of_files(folder.path(), &paths).unwrap()
    }

    #[test]
    fn names_and_contents_count_but_order_and_place_do_not() {
        let base = digest(&[("a", "1"), ("b", "2")]);
        assert_eq!(base, digest(&[("b", "2"), ("a", "1")]));
        assert_ne!(base, digest(&[("a", "2"), ("b", "1")]));
        assert_ne!(base, digest(&[("a", "1"), ("c", "2")]));
    }
}
