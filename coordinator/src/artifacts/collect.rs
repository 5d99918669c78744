//! Blobs that nothing refers to any more are deleted, some time after anyone last asked for them.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sweep_shared::ids::ContentHash;

use super::{ArtifactError, Artifacts};
use crate::store::{Forget, Store, StoreError};

/// An uploaded blob whose report is on its way must not be collected; the report follows within seconds.
const GRACE: Duration = Duration::from_mins(10);
/// Uploads that were given up: an agent that is away for a day sends again what it had begun to send.
const ABANDONED: Duration = Duration::from_hours(24);

/// Deletes what is old enough and referred to by no row. Answers how many blobs went.
pub async fn collect(artifacts: &Artifacts, store: &Store) -> Result<usize, StoreError> {
    collect_older(artifacts, store, SystemTime::now() - GRACE).await
}

/// The same for what nobody has asked for since `before`.
pub async fn collect_older(artifacts: &Artifacts, store: &Store, before: SystemTime) -> Result<usize, StoreError> {
    let scan = artifacts.clone();
    let scanned = tokio::task::spawn_blocking(move || {
        remove_abandoned(&scan);
        old_blobs(&scan, before)
    });
    let mut candidates = scanned.await.unwrap_or_default();
    if let Some(depot) = artifacts.depot() {
        // What the cache has let go of, and, in the cache, nothing that somebody asked for by another way.
        candidates.retain(|hash| !depot.knows(hash));
        candidates.extend(depot.old(before));
    }
    if candidates.is_empty() {
        return Ok(0);
    }
    let free = store.write(Forget { candidates }).await?;
    let mut gone = 0;
    for hash in &free {
        match remove(artifacts, hash, before).await {
            Ok(is_gone) => gone += usize::from(is_gone),
            Err(error) => tracing::warn!(%hash, %error, "an unused blob could not be deleted"),
        }
    }
    Ok(gone)
}

/// Whether it is gone: unless someone asked for it meanwhile, and relies on it.
async fn remove(artifacts: &Artifacts, hash: &ContentHash, before: SystemTime) -> Result<bool, ArtifactError> {
    let path = artifacts.path(hash);
    match artifacts.depot().filter(|depot| depot.knows(hash)) {
        Some(depot) => match depot.delete(hash, before).await {
            Ok(true) => {}
            Ok(false) | Err(ArtifactError::Busy(_)) => return Ok(false),
            Err(error) => return Err(error),
        },
        None if modified(&path).is_none_or(|at| at >= before) => return Ok(false),
        None => {}
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(true),
    }
}

fn old_blobs(artifacts: &Artifacts, before: SystemTime) -> Vec<ContentHash> {
    let folders =
        entries(&artifacts.home.artifacts()).filter(|path| path.file_name().is_some_and(|name| name.len() == 2));
    let blobs = folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    blobs
        .filter(|path| modified(path).is_some_and(|at| at < before))
        .filter_map(|path| ContentHash::try_from(path.file_name()?.to_str()?.to_owned()).ok())
        .collect()
}

fn remove_abandoned(artifacts: &Artifacts) {
    let before = SystemTime::now() - ABANDONED;
    for path in entries(&artifacts.home.incoming()).filter(|path| modified(path).is_some_and(|at| at < before)) {
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "an abandoned upload could not be deleted");
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use crate::store::testing::{bench, job, success};

    fn put(artifacts: &Artifacts, bytes: &[u8], age: Duration) -> ContentHash {
        let hash = ContentHash::of(bytes);
        let mut incoming = artifacts.receive(hash.clone(), bytes.len() as u64, 0).unwrap().unwrap();
        incoming.write(bytes).unwrap();
        incoming.finish().unwrap();
        let file = fs::File::open(artifacts.path(&hash)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        hash
    }

    #[tokio::test]
    async fn only_old_blobs_that_nothing_refers_to_are_deleted() {
        let bench = bench().await;
        let lock = Home::new(bench.folder.path()).lock().unwrap();
        let artifacts = Artifacts::new(lock.home().clone(), 1000);
        let hour = Duration::from_hours(1);
        let used = put(&artifacts, b"of a point", hour);
        let fresh = put(&artifacts, b"its report is on the way", Duration::ZERO);
        let asked = put(&artifacts, b"someone asked for it", hour);
        let unused = put(&artifacts, b"of a checkpoint that is no longer needed", hour);
        assert!(artifacts.stat(&asked).0);
        let (_, jobs) = bench.submit(vec![job("a")]).await;
        bench.run(jobs[0], success("of a point")).await;
        assert_eq!(collect(&artifacts, &bench.store).await.unwrap(), 1);
        assert!(artifacts.has(&used) && artifacts.has(&fresh) && artifacts.has(&asked) && !artifacts.has(&unused));
        assert_eq!(collect(&artifacts, &bench.store).await.unwrap(), 0);
    }

    #[test]
    fn an_upload_that_was_given_up_is_deleted_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Home::new(folder.path()).lock().unwrap();
        let artifacts = Artifacts::new(lock.home().clone(), 1000);
        let begin = |bytes: &[u8], age: Duration| {
            let path = lock.home().incoming().join(ContentHash::of(bytes).as_str());
            fs::write(&path, bytes).unwrap();
            fs::File::open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let (old, new) = (begin(b"old", ABANDONED + Duration::from_hours(1)), begin(b"new", Duration::ZERO));
        remove_abandoned(&artifacts);
        assert!(!old.exists() && new.exists());
    }
}
