//! A copy of the database as it is at one moment.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::UpkeepError;
use super::file;
use crate::home::Home;

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub file: PathBuf,
    pub size_bytes: u64,
    pub sweeps: i64,
    pub jobs: i64,
}

/// Copies a home's database, beside a coordinator or without one, into one file: whole and on disk, or not at all. `replace`: a
/// file of that name may go.
pub async fn back_up(home: &Home, to: &Path, replace: bool) -> Result<Backup, UpkeepError> {
    if !replace && to.symlink_metadata().is_ok() {
        return Err(UpkeepError::Exists { path: to.to_owned() });
    }
    let copy = copy(&home.database(), folder(to)).await?;
    let backup = held(copy.path(), to).await?;
    let named = if replace { copy.persist(to) } else { copy.persist_noclobber(to) };
    named.map_err(|failed| match failed.error.kind() {
        std::io::ErrorKind::AlreadyExists => UpkeepError::Exists { path: to.to_owned() },
        _ => UpkeepError::files("write", to)(failed.error),
    })?;
    sync_folder(folder(to))?;
    Ok(backup)
}

/// The database as one file without a name of its own yet, read back and synced. Private: a plan may hold what is nobody's business.
pub async fn copy(database: &Path, into: &Path) -> Result<NamedTempFile, UpkeepError> {
    let mut conn = file::open(database).await?;
    file::schema(&mut conn, database).await?;
    let beside = tempfile::Builder::new().prefix(".sweep-db-").tempfile_in(into);
    let beside = beside.map_err(UpkeepError::files("write to", into))?;
    let name = beside.path().to_str().ok_or_else(|| {
        let unreadable = std::io::Error::other("SQLite wants names that are text");
        UpkeepError::files("write to", into)(unreadable)
    })?;
    // One transaction: what is committed meanwhile is not in it.
    let copied = sqlx::query("VACUUM INTO ?").bind(name).execute(&mut conn).await;
    copied.map_err(UpkeepError::database("copy", database))?;
    let mut written = file::open(beside.path()).await?;
    let findings = file::damage(&mut written, true).await;
    if !findings.is_empty() {
        return Err(UpkeepError::Damaged { path: database.to_owned(), findings });
    }
    beside.as_file().sync_all().map_err(UpkeepError::files("write to", into))?;
    Ok(beside)
}

pub async fn held(copy: &Path, name: &Path) -> Result<Backup, UpkeepError> {
    let mut conn = file::open(copy).await?;
    let count = "SELECT (SELECT count(*) FROM sweeps), (SELECT count(*) FROM jobs)";
    let counted = sqlx::query_as(count).fetch_one(&mut conn).await;
    let (sweeps, jobs) = counted.map_err(UpkeepError::database("read", name))?;
    let size_bytes = fs::metadata(copy).map_err(UpkeepError::files("read", name))?.len();
    Ok(Backup { file: name.to_owned(), size_bytes, sweeps, jobs })
}

pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name is on disk with its folder.
pub fn sync_folder(folder: &Path) -> Result<(), UpkeepError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(UpkeepError::files("sync", folder))
}
