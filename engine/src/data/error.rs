//! What can be wrong with a data set.

use std::path::{Path, PathBuf};

/// Why a data set could not be loaded. Those of which [`DataError::is_bad_input`] holds are the user's to repair, so the
/// runner reports them as `bad_input`, which is not retried.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Nothing usable lies where the plan points.
    #[error("{what} not found; looked in {}. {hint}", list(looked))]
    Missing { what: String, looked: Vec<PathBuf>, hint: String },
    /// A file is there but is not what it should be.
    #[error("{}: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: String },
    /// The plan asks for something this data set cannot give.
    #[error("data: {0}")]
    Invalid(String),
    /// Not a failure: a stop was asked for while the data was being loaded.
    #[error("stopped while loading the data")]
    Stopped,
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// libtorch refused to make a batch tensor (out of memory, mostly).
    #[error("could not make a batch tensor: {0}")]
    Tensor(#[from] tch::TchError),
}

impl DataError {
    /// Attaches `path` to an I/O error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DataError + '_ {
        move |source| DataError::Io { path: path.to_owned(), source }
    }

    /// Whether only the user can repair this (failure class `bad_input`).
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, DataError::Io { .. } | DataError::Tensor(_) | DataError::Stopped)
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
