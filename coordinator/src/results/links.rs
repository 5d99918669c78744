//! Names instead of hashes: `SWEEP_HOME/results/<sweep>/<stage>-<label>-<point>/model.onnx` is the blob under another name (a
//! hard link, or a copy where the file system has none).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use sweep_shared::ids::{ContentHash, JobId, SweepId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::merge::Point;
use crate::artifacts::Artifacts;
use crate::home::Home;
use crate::store::{Changes, Store, StoreError, read};

/// Longest folder name; the rest of a long label says less than its beginning.
const MOST_NAME: usize = 120;

/// Makes the names of points as they are published.
pub struct Publisher {
    pub artifacts: Artifacts,
    pub store: Store,
    pub changes: broadcast::Receiver<Arc<Changes>>,
}

impl Publisher {
    /// Runs until stopped. What is missed (after a crash, or when it falls behind) is made when results are asked for.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let published = tokio::select! {
                () = stop.cancelled() => return,
                changes = self.changes.recv() => match changes {
                    Ok(changes) => changes.published.clone(),
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return,
                },
            };
            if published.is_empty() {
                continue;
            }
            if let Err(error) = self.publish(&published).await {
                tracing::warn!(%error, "the files of new points could not be named");
            }
        }
    }

    async fn publish(&self, jobs: &[JobId]) -> Result<(), StoreError> {
        let files = read::files_of_jobs(&self.store, jobs).await?;
        if files.is_empty() {
            return Ok(());
        }
        let rows = read::points_of_jobs(&self.store, jobs).await?;
        publish_all(&self.artifacts, &super::merge(rows, files)).await;
        Ok(())
    }
}

/// Makes the names of these points' files where they are missing, and answers them: by job, point and file name.
/// Blobs that lie in a bucket only are brought for it in the background: their names are there the next time.
pub async fn publish_all(artifacts: &Artifacts, points: &[Point]) -> HashSet<PathBuf> {
    let mut wanted = Vec::new();
    for point in points {
        for file in &point.files {
            if let Ok(hash) = ContentHash::try_from(file.hash.clone()) {
                let name = path(artifacts.home(), point, &file.name);
                wanted.push((hash, name));
            }
        }
    }
    let (of, kept_here) = (artifacts.clone(), artifacts.depot().is_none());
    let made = tokio::task::spawn_blocking(move || {
        let (here, away): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(hash, _)| kept_here || of.path(hash).is_file());
        let made = here.into_iter().filter_map(|(hash, name)| link(&of.path(&hash), name)).collect();
        (made, away)
    });
    let (made, away): (_, Vec<(ContentHash, PathBuf)>) = made.await.unwrap_or_default();
    if !away.is_empty() {
        tokio::spawn(bring(artifacts.clone(), away));
    }
    made
}

/// One after the other, and by one task at a time.
async fn bring(artifacts: Artifacts, away: Vec<(ContentHash, PathBuf)>) {
    let Some(Ok(_turn)) = artifacts.depot().map(|depot| depot.naming.try_lock()) else { return };
    for (hash, name) in away {
        match artifacts.local(&hash).await {
            Ok(blob) => drop(tokio::task::spawn_blocking(move || link(&blob, name)).await),
            Err(error) => return tracing::debug!(%hash, %error, "a result could not be brought to be given its name"),
        }
    }
}

/// The names of these jobs' files, whether they are there or not.
pub async fn names(store: &Store, home: &Home, jobs: &[JobId]) -> Result<HashMap<JobId, Vec<PathBuf>>, StoreError> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let files = read::files_of_jobs(store, jobs).await?;
    let rows = read::points_of_jobs(store, jobs).await?;
    let mut names: HashMap<JobId, Vec<PathBuf>> = HashMap::new();
    for point in super::merge(rows, files) {
        let of_job = names.entry(JobId(point.row.job)).or_default();
        of_job.extend(point.files.iter().map(|file| path(home, &point, &file.name)));
    }
    Ok(names)
}

/// Where a point's file is to be found by people. Jobs that differ in nothing but their seed have it in the name.
pub fn path(home: &Home, point: &Point, file: &str) -> PathBuf {
    let row = &point.row;
    let parts = [row.stage.as_str(), row.label.as_str(), row.point.as_str()];
    let mut name = parts.into_iter().filter(|part| !part.is_empty() && *part != "main").collect::<Vec<_>>().join("-");
    if row.seed != 0 {
        name.push_str(&format!("-seed{}", row.seed));
    }
    let mut folder = tame(&name);
    if name.len() > MOST_NAME {
        folder.push_str(&format!("-{}", &row.key[..row.key.len().min(8)]));
    }
    home.results().join(SweepId(row.sweep).to_string()).join(folder).join(tame(file))
}

/// A name that is one path component on any file system. `/` cannot leave the folder, nor can `..`.
pub fn tame(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._=+-".contains(c) { c } else { '_' };
    let mut name: String = text.chars().map(plain).take(MOST_NAME).collect();
    if name.starts_with('.') {
        name.insert(0, '_');
    }
    name
}

/// The name, where it now stands for the blob.
fn link(blob: &Path, name: PathBuf) -> Option<PathBuf> {
    let folder = name.parent()?;
    let made = fs::create_dir_all(folder).and_then(|()| match fs::hard_link(blob, &name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same(blob, &name) => Ok(()),
        // An older attempt's file, or a file system without hard links.
        Err(_) => replace(blob, &name),
        Ok(()) => Ok(()),
    });
    match made {
        Ok(()) => Some(name),
        Err(error) => {
            tracing::warn!(path = %name.display(), %error, "a result could not be given its name");
            None
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}

fn replace(blob: &Path, name: &Path) -> io::Result<()> {
    let beside = name.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let made = fs::hard_link(blob, &beside).or_else(|_| fs::copy(blob, &beside).map(drop));
    made.and_then(|()| fs::rename(&beside, name)).inspect_err(|_| {
        // On a full disk above all, nothing must be left of it.
        let _ = fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_folder() {
        assert_eq!(tame("../../etc/passwd"), "_.._.._etc_passwd");
        assert_eq!(tame("mode=qat input=pruned[s0.50]"), "mode=qat_input=pruned_s0.50_");
        assert!(tame(&"x".repeat(1000)).len() <= MOST_NAME);
    }

    #[test]
    fn a_name_follows_the_newest_blob() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new-blob"));
        fs::write(&old, "old").unwrap();
        fs::write(&new, "new").unwrap();
        let name = folder.path().join("results/a/model.onnx");
        assert_eq!(link(&old, name.clone()), Some(name.clone()));
        assert_eq!(link(&old, name.clone()), Some(name.clone()));
        assert_eq!(link(&new, name.clone()), Some(name.clone()));
        assert_eq!(fs::read_to_string(&name).unwrap(), "new");
    }
}
