//! What can go wrong with the database.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::migrate::MigrateError;

use super::trouble::{self, Halt};
use crate::transition::Refusal;

/// Why a command was not carried out. Nothing of it was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The present state does not allow it. Others' commands in the same commit are not affected.
    #[error("{0}")]
    Refused(String),
    #[error("{0} does not exist")]
    Unknown(String),
    /// Nothing can be written at present; the files fail, or somebody holds them.
    #[error("{0}")]
    Unwritable(Arc<Halt>),
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl StoreError {
    /// The files failed, and not what was asked of the database. Its transaction may be in pieces.
    pub(super) fn is_of_files(&self) -> bool {
        matches!(self, Self::Unwritable(_)) || self.code().is_some_and(trouble::is_of_files)
    }

    /// SQLite's primary result code.
    pub(super) fn code(&self) -> Option<u32> {
        let Self::Database(error) = self else { return None };
        let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
        Some(code & 0xff)
    }

    /// Why nothing can be written, where that is why.
    pub fn halt(&self) -> Option<&Halt> {
        if let Self::Unwritable(halt) = self { Some(halt) } else { None }
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
    #[error(
        "{} is damaged ({}). Keep a copy of SWEEP_HOME as it is, see `sweep db check --full`, and put a backup back with \
         `sweep db restore`", path.display(), findings.join("; ")
    )]
    Damaged { path: PathBuf, findings: Vec<String> },
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: StoreError },
}
