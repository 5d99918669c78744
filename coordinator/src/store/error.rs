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

/// SQLITE_FULL.
const FULL: &str = "13";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let full = error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == FULL);
        if full { Self::DiskFull } else { Self::Database(Arc::new(error)) }
    }
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
