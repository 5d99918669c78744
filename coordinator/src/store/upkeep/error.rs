//! Why a database cannot be looked after.

use std::io;
use std::path::{Path, PathBuf};

use crate::bucket::BucketError;
use crate::home::HomeError;
use crate::store::trouble::code;
use crate::store::{OpenError, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    #[error("there is no database {}", path.display())]
    Missing { path: PathBuf },
    #[error("{} is not a database of sweep: {why}", path.display())]
    Foreign { path: PathBuf, why: String },
    #[error(
        "{} was written by a newer version of sweep (its schema has step {version}, this program knows up to {known}); \
         use that version", path.display()
    )]
    Newer { path: PathBuf, version: i64, known: i64 },
    #[error("{} is damaged: {}", path.display(), findings.join("; "))]
    Damaged { path: PathBuf, findings: Vec<String> },
    #[error("{} exists", path.display())]
    Exists { path: PathBuf },
    #[error("cannot {doing} {}: {source}", path.display())]
    Files { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot {doing} {}: {source}", path.display())]
    Database { doing: &'static str, path: PathBuf, source: StoreError },
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}. {remedy}", remedy = .0.remedy())]
    Bucket(#[from] BucketError),
}

impl UpkeepError {
    pub(super) fn files(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Files { doing, path: path.to_owned(), source }
    }

    pub(super) fn database(doing: &'static str, path: &Path) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Database { doing, path: path.to_owned(), source: source.into() }
    }

    /// The same of a file under the name by which people know it.
    pub(super) fn of(mut self, file: &Path, name: &Path) -> Self {
        match &mut self {
            Self::Missing { path }
            | Self::Foreign { path, .. }
            | Self::Newer { path, .. }
            | Self::Damaged { path, .. }
            | Self::Files { path, .. }
            | Self::Database { path, .. }
                if path == file =>
            {
                name.clone_into(path);
            }
            _ => {}
        }
        self
    }

    /// Whether there was no room for what was to be written.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Files { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Database { source, .. } => source.code() == Some(code::FULL),
            _ => false,
        }
    }
}
