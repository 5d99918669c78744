//! What an attempt comes to: the reports that must not be lost. They are kept in the spool until acknowledged.

use std::fmt;

use serde::{Deserialize, Serialize};
use sweep_shared::event::FileRef;
use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::metrics::Metrics;
use sweep_shared::resources::Usage;
use sweep_shared::states::FailureClass;

/// A report about one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub token: Token,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// All files are uploaded.
    Checkpoint(Checkpoint),
    /// The attempt is over, its processes are gone, all files are uploaded.
    Finished {
        end: End,
        #[serde(flatten)]
        usage: Usage,
    },
}

/// A checkpoint whose files have hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub epoch: u32,
    pub step: u64,
    pub files: Vec<FileRef>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Success(Success),
    Failure {
        class: FailureClass,
        message: String,
    },
    /// Stopped on request, to be continued. The text says on whose.
    Interrupted(String),
    Cancelled,
}

impl End {
    pub fn failure(class: FailureClass, message: impl Into<String>) -> Self {
        Self::Failure { class, message: message.into() }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Success {
    pub points: Vec<Point>,
    pub artifacts: Vec<FileRef>,
}

/// A measured model of the job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub name: String,
    pub metrics: Metrics,
    pub files: Vec<FileRef>,
}

/// For the log.
impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(checkpoint) => write!(f, "the checkpoint of epoch {}", checkpoint.epoch),
            Self::Finished { end: End::Success(_), .. } => f.write_str("a success"),
            Self::Finished { end: End::Failure { class, .. }, .. } => write!(f, "a failure ({})", class.as_str()),
            Self::Finished { end: End::Interrupted(reason), .. } => write!(f, "an interruption ({reason})"),
            Self::Finished { end: End::Cancelled, .. } => f.write_str("a cancellation"),
        }
    }
}

impl Report {
    pub fn finished(token: Token, end: End, usage: Usage) -> Self {
        Self { token, body: Body::Finished { end, usage } }
    }

    /// What the attempt took, where this tells of its end.
    pub fn usage(&self) -> Usage {
        if let Body::Finished { usage, .. } = self.body { usage } else { Usage::default() }
    }

    pub fn is_final(&self) -> bool {
        matches!(self.body, Body::Finished { .. })
    }

    /// The blobs that it names.
    pub fn blobs(&self) -> Vec<ContentHash> {
        let files: Vec<&FileRef> = match &self.body {
            Body::Checkpoint(checkpoint) => checkpoint.files.iter().collect(),
            Body::Finished { end: End::Success(success), .. } => {
                success.points.iter().flat_map(|point| &point.files).chain(&success.artifacts).collect()
            }
            Body::Finished { .. } => Vec::new(),
        };
        files.into_iter().filter_map(|file| file.hash.clone()).collect()
    }

    /// As the spool keeps it.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("our types serialise")
    }

    pub fn decode(payload: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(payload)
    }
}
