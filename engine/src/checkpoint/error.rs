//! What can go wrong with a checkpoint.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// The files do not fit their manifest, or cannot be parsed.
    #[error("the checkpoint {} is damaged: {reason}", folder.display())]
    Damaged { folder: PathBuf, reason: String },
    /// The checkpoint is whole, but of another program version or another job.
    #[error("the checkpoint holds no usable {name:?}: {reason}")]
    Mismatch { name: String, reason: String },
    #[error(transparent)]
    Torch(#[from] tch::TchError),
    #[error("cannot encode the checkpoint: {0}")]
    Encode(String),
}

impl Error {
    /// For `map_err` on I/O: what was attempted, on which path.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
