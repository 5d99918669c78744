//! What can go wrong with a blob.

use std::io;

use sweep_shared::ids::{BadHash, ContentHash};

use crate::bucket::{BucketError, Cause};

#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    #[error("blob {0} is not here")]
    Unknown(ContentHash),
    #[error(transparent)]
    Name(#[from] BadHash),
    #[error("an upload must begin with a chunk that names hash and size")]
    NoName,
    #[error("{size} bytes are more than the {max} that an artifact may have")]
    TooLarge { size: u64, max: u64 },
    #[error("offset {asked} is not where this upload stands: {received} bytes have arrived")]
    Offset { asked: u64, received: u64 },
    #[error("the upload brought more than the {size} bytes that it announced")]
    TooLong { size: u64 },
    #[error("the bytes of {expected} hash to {actual}: they were damaged on the way or on disk; send them again")]
    Corrupt { expected: ContentHash, actual: ContentHash },
    #[error("blob {0} is being uploaded already")]
    Busy(ContentHash),
    #[error("the disk is full: free some space in SWEEP_HOME/artifacts")]
    DiskFull,
    #[error("cannot keep the blob: {0}")]
    Io(io::Error),
    /// Of where the blobs are kept, if not in the home.
    #[error("the artifact store fails: {0}. {remedy}", remedy = .0.remedy())]
    Store(BucketError),
    #[error("{0}")]
    Foreign(String),
}

impl From<io::Error> for ArtifactError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

impl From<BucketError> for ArtifactError {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Disk(error) => error.into(),
            error => Self::Store(error),
        }
    }
}

impl From<ArtifactError> for tonic::Status {
    fn from(error: ArtifactError) -> Self {
        let text = error.to_string();
        match error {
            ArtifactError::Unknown(_) => Self::not_found(text),
            ArtifactError::Name(_) | ArtifactError::NoName | ArtifactError::TooLong { .. } => {
                Self::invalid_argument(text)
            }
            ArtifactError::TooLarge { .. } | ArtifactError::DiskFull => Self::resource_exhausted(text),
            ArtifactError::Offset { .. } => Self::out_of_range(text),
            ArtifactError::Corrupt { .. } => Self::data_loss(text),
            ArtifactError::Busy(_) => Self::aborted(text),
            ArtifactError::Io(_) => Self::internal(text),
            ArtifactError::Store(error) => match error.cause() {
                Some(Cause::Missing) => Self::not_found(text),
                Some(Cause::Damaged) => Self::data_loss(text),
                // Whoever has the bytes keeps them until somebody has repaired it.
                _ => Self::unavailable(text),
            },
            ArtifactError::Foreign(_) => Self::unavailable(text),
        }
    }
}
