//! What the home holds of the bucket's blobs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sweep_shared::ids::ContentHash;

use super::Depot;

/// Who was told where a blob lies may open it for so long.
const GRACE: Duration = Duration::from_mins(10);

/// A blob's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    pub hash: ContentHash,
    pub path: PathBuf,
    pub size_bytes: u64,
    pub used: SystemTime,
    /// It has another name in results/: letting go of this one would free nothing.
    pub named: bool,
}

/// Those to let go of, the longest unused first, so that the rest takes no more than `most` bytes.
fn surplus(mut files: Vec<Cached>, most: u64, before: SystemTime) -> Vec<Cached> {
    files.retain(|file| !file.named);
    files.sort_by_key(|file| file.used);
    let mut held: u64 = files.iter().map(|file| file.size_bytes).sum();
    let goes = |file: &Cached| {
        let goes = held > most && file.used < before;
        held -= if goes { file.size_bytes } else { 0 };
        goes
    };
    let mut goes = goes;
    files.retain(|file| goes(file));
    files
}

impl Depot {
    /// The blobs in the home.
    pub(super) fn local(&self) -> Vec<Cached> {
        let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten();
        let folders = entries(self.home.artifacts()).filter(|entry| entry.file_name().len() == 2);
        let cached = |entry: fs::DirEntry| {
            let hash = ContentHash::try_from(entry.file_name().into_string().ok()?).ok()?;
            let meta = entry.metadata().ok()?;
            let (size_bytes, used, named) = (meta.len(), meta.modified().ok()?, meta.nlink() > 1);
            Some(Cached { hash, path: entry.path(), size_bytes, used, named })
        };
        folders.flat_map(|folder| entries(folder.path())).filter_map(cached).collect()
    }

    /// Lets go of what there is no room for, and what the bucket has.
    pub(super) fn make_room(&self, files: Vec<Cached>, now: SystemTime) {
        let kept = files.into_iter().filter(|file| self.knows(&file.hash)).collect();
        for file in surplus(kept, self.cache_bytes, now - GRACE) {
            match fs::remove_file(&file.path) {
                Ok(()) => tracing::debug!(hash = %file.hash, "a blob is let go of in the cache"),
                Err(error) => tracing::warn!(path = %file.path.display(), %error, "a cached blob could not be removed"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_go_first_and_what_results_name_stays() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = |name: &str, size_bytes, used, named| Cached {
            hash: ContentHash::of(name.as_bytes()),
            path: name.into(),
            size_bytes,
            used: at(used),
            named,
        };
        let files = || {
            vec![
                file("new", 40, 50, false),
                file("named", 90, 1, true),
                file("old", 30, 10, false),
                file("mid", 30, 20, false),
            ]
        };
        let gone = |most, before| -> Vec<_> {
            surplus(files(), most, at(before)).into_iter().map(|file| file.path.display().to_string()).collect()
        };
        assert_eq!(gone(100, 100), [""; 0]);
        assert_eq!(gone(99, 100), ["old"]);
        assert_eq!(gone(60, 100), ["old", "mid"]);
        assert_eq!(gone(0, 100), ["old", "mid", "new"]);
        assert_eq!(gone(0, 20), ["old"], "what was used a moment ago stays");
    }
}
