//! Backups in a bucket.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::backup::{Backup, copy, held};
use super::restore::{Restored, Wish, restore};
use super::{UpkeepError, file};
use crate::bucket::{Bucket, Object};
use crate::home::Home;

/// What is noted beside a backup: the BLAKE3 hash of its bytes.
const HASH: &str = "blake3";
/// How the names begin and end that we give.
const HEAD: &str = "sweep-";
const TAIL: &str = ".db";

/// A name for a backup made at this moment (`20261129T231500Z`): such names stand in the order of time.
pub fn backup_name(stamp: &str) -> String {
    format!("{HEAD}{stamp}{TAIL}")
}

/// Copies a home's database into a bucket: whole, or not at all. `replace`: an object of that name may go.
pub async fn back_up_to(home: &Home, bucket: &Bucket, name: &str, replace: bool) -> Result<Backup, UpkeepError> {
    let url = PathBuf::from(format!("{}/{name}", bucket.place()));
    if !replace && bucket.size(name).await?.is_some() {
        return Err(UpkeepError::Exists { path: url });
    }
    let made = copy(&home.database(), home.root()).await?;
    let backup = held(made.path(), &url).await?;
    let hash = hash_of(made.path().to_owned()).await?;
    bucket.put_file(name, made.path(), Some((HASH, hash))).await?;
    Ok(backup)
}

/// The backups in a bucket, the newest first.
pub async fn backups(bucket: &Bucket) -> Result<Vec<Object>, UpkeepError> {
    let mut found = bucket.list("").await?;
    found.retain(|object| object.name.ends_with(TAIL) && !object.name.contains('/'));
    found.sort_by(|a, b| (b.changed_ms, &b.name).cmp(&(a.changed_ms, &a.name)));
    Ok(found)
}

/// Deletes all but the newest of those whose names we gave; answers which went.
pub async fn thin(bucket: &Bucket, keep: usize) -> Result<Vec<String>, UpkeepError> {
    let mut gone = Vec::new();
    for old in backups(bucket).await?.into_iter().filter(|object| object.name.starts_with(HEAD)).skip(keep) {
        bucket.delete(&old.name).await?;
        gone.push(old.name);
    }
    Ok(gone)
}

/// Puts one back. `wish.from` is made up for by what is brought.
pub async fn restore_from(home: &Home, bucket: &Bucket, name: &str, wish: Wish) -> Result<Restored, UpkeepError> {
    Home::make_folder(home.root())?;
    let url = PathBuf::from(format!("{}/{name}", bucket.place()));
    let beside = tempfile::Builder::new().prefix(".sweep-db-").tempfile_in(home.root());
    let beside = beside.map_err(UpkeepError::files("write to", home.root()))?;
    match bucket.get_file(name, beside.path()).await {
        Err(error) if error.is_missing() => return Err(UpkeepError::Missing { path: url }),
        got => got?,
    }
    if let Some(noted) = bucket.note(name, HASH).await?
        && noted != hash_of(beside.path().to_owned()).await?
    {
        let findings = vec!["it holds other bytes than were put there".to_owned()];
        return Err(UpkeepError::Damaged { path: url, findings });
    }
    let brought = Wish { from: beside.path().to_owned(), ..wish };
    let restored = restore(home, &brought).await.map_err(|error| error.of(beside.path(), &url));
    for log in ["-wal", "-shm"] {
        // A copy that was closed in good order has none.
        let _ = std::fs::remove_file(file::beside(beside.path(), log));
    }
    restored
}

async fn hash_of(path: PathBuf) -> Result<String, UpkeepError> {
    let at = path.clone();
    let hashed = spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut File::open(&path)?, &mut hasher)?;
        Ok(hasher.finalize().to_hex().to_string())
    });
    hashed.await.map_err(io::Error::other).and_then(|hash| hash).map_err(UpkeepError::files("read", Path::new(&at)))
}
