//! Why published weights are not there, and what helps.

use std::io;
use std::path::PathBuf;

/// Why a file of published weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("{0:?} does not end in a plain file name")]
    Name(String),
    #[error("cannot make an HTTPS client: {0}")]
    Client(String),
    /// After several tries.
    #[error("cannot download {url}: {why}. Put it at {} by hand, or name a mirror with SWEEP_WEIGHTS_URL", path.display())]
    Unreachable { url: String, why: String, path: PathBuf },
    /// The server will not say otherwise the next time.
    #[error("{url} answers {status}. Put it at {} by hand, or name a mirror with SWEEP_WEIGHTS_URL", path.display())]
    Refused { url: String, status: u16, path: PathBuf },
    #[error("what {url} gives is another file: its SHA-256 is {found}, and should begin with {wanted}")]
    Other { url: String, wanted: String, found: String },
    #[error("{} is another file or damaged: its SHA-256 is {found}, and should begin with {wanted}. Remove it, and it will be downloaded", path.display())]
    Wrong { path: PathBuf, wanted: String, found: String },
    #[error("this machine's disk: {0}")]
    Disk(#[from] io::Error),
}

impl WeightsError {
    pub(super) fn client(error: &dyn std::error::Error) -> Self {
        Self::Client(cause(error))
    }
}

/// The innermost of an error's causes: the outer ones of HTTP clients say little, at length.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}
