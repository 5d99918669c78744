//! What can go wrong with the database.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::migrate::MigrateError;

use crate::transition::Refusal;

/// Why a command was not carried out. Nothing of it was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The present state does not allow it. Others' commands in the same commit are not affected.
    #[error("{0}")]
    Refused(String),
    #[error("{0} does not exist")]
    Unknown(String),
    #[error("the disk is full: nothing was recorded. Free some space in SWEEP_HOME and try again")]
    DiskFull,
    #[error("the database failed: {0}")]
    Database(Arc<sqlx::Error>),
    #[error("the coordinator is stopping")]
    Stopping,
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

/// SQLite's primary result codes; the extended ones hold them in their low byte.
const FULL: u32 = 13;
const IO_ERROR: u32 = 10;
const CANNOT_OPEN: u32 = 14;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if code(&error) == Some(FULL) { Self::DiskFull } else { Self::Database(Arc::new(error)) }
    }
}

impl StoreError {
    /// The files failed, and not what was asked of the database. Its transaction may be in pieces.
    pub(super) fn is_of_files(&self) -> bool {
        match self {
            Self::DiskFull => true,
            Self::Database(error) => matches!(code(error), Some(FULL | IO_ERROR | CANNOT_OPEN)),
            Self::Refused(_) | Self::Unknown(_) | Self::Stopping => false,
        }
    }
}

fn code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{} was written by a newer version of sweep (its schema has step {version}, this program knows up to {known}); \
         use that version, or another SWEEP_HOME", path.display()
    )]
    Newer { path: PathBuf, version: i64, known: i64 },
    #[error("cannot bring {} up to date: {source}", path.display())]
    Migrate { path: PathBuf, source: MigrateError },
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: StoreError },
}
