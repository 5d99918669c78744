//! Putting a copy in the database's place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::Connection;
use tempfile::NamedTempFile;

use super::backup::{copy, sync_folder};
use super::file::{self, beside};
use super::whereabouts::Whereabouts;
use super::{UpkeepError, blobs};
use crate::artifacts::ArtifactsIn;
use crate::clock::SystemClock;
use crate::home::{Home, HomeLock};
use crate::luck::{Luck, SystemLuck};
use crate::store::{NewGeneration, OpenError, Store, StoreError, mark, open};

/// What to put back, and in whose name.
#[derive(Debug, Clone)]
pub struct Wish {
    pub from: PathBuf,
    /// What people know it as: the file, or a URL.
    pub said: String,
    /// How its blobs are reached.
    pub artifacts: ArtifactsIn,
    /// For the audit log: `alice@laptop`.
    pub actor: String,
    /// When, as part of a file's name: what is replaced is kept under it.
    pub stamp: String,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Restored {
    pub database: PathBuf,
    /// The database that was there, under its new name.
    pub kept: Option<PathBuf>,
    pub sweeps: i64,
    pub jobs: i64,
    /// Attempts that the copy believes to run: their jobs are ready again.
    pub freed: usize,
    /// Files that the copy names and that are gone since.
    pub missing: Vec<String>,
}

/// Puts a copy back as a new generation, in which every token and acknowledgement of the old one is worthless. Refused while a
/// coordinator uses the home, and where the copy is damaged, not ours, or newer than this program.
pub async fn restore(home: &Home, wish: &Wish) -> Result<Restored, UpkeepError> {
    let lock = home.lock()?;
    let made = copy(&wish.from, home.root()).await?;
    let freed = renew(made.path(), wish).await?;
    let (sweeps, jobs, missing) = look(made.path(), home, &wish.artifacts).await?;
    fold(&home.database()).await;
    let kept = exchange(&lock, made, &wish.stamp)?;
    Ok(Restored { database: home.database(), kept, sweeps, jobs, freed, missing })
}

/// Brings the copy up to date and begins its new generation, before it is anybody's database.
async fn renew(copy: &Path, wish: &Wish) -> Result<usize, UpkeepError> {
    let mut conn =
        open::connect(copy, open::PATIENCE).await.map_err(|source| OpenError::Open { path: copy.into(), source })?;
    let dangling = file::dangling(&mut conn).await;
    if !dangling.is_empty() {
        return Err(UpkeepError::Damaged { path: wish.from.clone(), findings: dangling });
    }
    conn.close().await.map_err(UpkeepError::database("write", copy))?;
    let store = Store::open(copy, Arc::new(SystemClock::new()), &SystemLuck).await?;
    let luck: &dyn Luck = &SystemLuck;
    let why = format!("{} put {} back", wish.actor, wish.said);
    let renewed = store.write(NewGeneration { name: luck.name(), why }).await;
    store.close().await;
    let lost = renewed.map_err(|source| UpkeepError::Database { doing: "write", path: copy.to_owned(), source })?;
    Ok(lost.len())
}

async fn look(copy: &Path, home: &Home, artifacts: &ArtifactsIn) -> Result<(i64, i64, Vec<String>), UpkeepError> {
    let mut conn = file::open(copy).await?;
    let count = "SELECT (SELECT count(*) FROM sweeps), (SELECT count(*) FROM jobs)";
    let read = UpkeepError::database("read", copy);
    let (sweeps, jobs) = sqlx::query_as(count).fetch_one(&mut conn).await.map_err(&read)?;
    let whereabouts = Whereabouts::of(&mut conn, artifacts).await.map_err(&read)?;
    let (_, missing) = blobs::look(&mut conn, home, &whereabouts, false).await.map_err(&read)?;
    Ok((sweeps, jobs, missing))
}

/// Gives the old database another name, and the copy the old one's.
fn exchange(lock: &HomeLock, copy: NamedTempFile, stamp: &str) -> Result<Option<PathBuf>, UpkeepError> {
    let database = lock.home().database();
    let kept = if database.exists() { Some(set_aside(&database, stamp)?) } else { None };
    for log in ["-wal", "-shm"] {
        remove(&beside(copy.path(), log))?;
    }
    copy.as_file().sync_all().map_err(UpkeepError::files("write", &database))?;
    copy.persist(&database).map_err(|failed| UpkeepError::files("write", &database)(failed.error))?;
    // What was said of the old one.
    mark::clear(&database).map_err(UpkeepError::files("write", &database))?;
    sync_folder(lock.home().root())?;
    Ok(kept)
}

/// The old database under a second name; its own stays until the copy takes it over. A log of writes that could not be folded into
/// it (it is damaged) goes first: found beside the copy, SQLite would believe it to be the copy's.
fn set_aside(database: &Path, stamp: &str) -> Result<PathBuf, UpkeepError> {
    let kept = free_name(database, stamp);
    let link = UpkeepError::files("keep the old database as", &kept);
    fs::hard_link(database, &kept).or_else(|_| duplicate(database, &kept)).map_err(link)?;
    let log = beside(database, "-wal");
    if log.exists() {
        let name = beside(&kept, "-wal");
        fs::rename(&log, &name).map_err(UpkeepError::files("keep the old database as", &name))?;
    }
    remove(&beside(database, "-shm"))?;
    sync_folder(super::backup::folder(database))?;
    Ok(kept)
}

fn free_name(database: &Path, stamp: &str) -> PathBuf {
    let name =
        |n: u32| beside(database, &format!(".before-{stamp}{}", if n > 1 { format!("-{n}") } else { String::new() }));
    let mut n = 1;
    while name(n).exists() {
        n += 1;
    }
    name(n)
}

fn remove(path: &Path) -> Result<(), UpkeepError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(UpkeepError::files("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Where the file system has no second names.
fn duplicate(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()
}

/// Has a database whose coordinator was killed take in its log of writes, so that the one file is all of it. One that is damaged
/// may not be able to.
async fn fold(database: &Path) {
    if !beside(database, "-wal").exists() {
        return;
    }
    let folded = async {
        let mut conn = open::connect(database, open::PATIENCE).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await?;
        conn.close().await?;
        Ok::<(), StoreError>(())
    };
    if let Err(error) = folded.await {
        tracing::warn!(%error, "the old database cannot take in its log of writes; both are kept");
    }
}
