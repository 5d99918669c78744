//! What a data set on disk contains, as one hash: BLAKE3 over a sorted manifest of (name, size, content hash).

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::folder::parallel;

/// The digest of `files`, which lie under `root`. Names are taken relative to it, so a moved folder keeps its digest.
pub fn of_files(root: &Path, files: &[PathBuf]) -> Result<String, DataError> {
    let mut lines = parallel::map(files, |file| line(root, file))?;
    lines.sort_unstable();
    Ok(blake3::hash(lines.concat().as_bytes()).to_hex().to_string())
}

fn line(root: &Path, file: &Path) -> Result<String, DataError> {
    let contents = std::fs::read(file).map_err(DataError::io(file))?;
    let name = file.strip_prefix(root).unwrap_or(file);
    Ok(format!("{}\0{}\0{}\n", name.display(), contents.len(), blake3::hash(&contents).to_hex()))
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
