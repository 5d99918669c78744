//! The runner protocol (DESIGN §8): a runner writes these as JSON, one object a line, to file descriptor 3.
//!
//! ```text
//! {"event":"epoch","epoch":1,"epochs":6,"metrics":{"loss":1.9,"val_accuracy":0.41}}
//! {"event":"checkpoint","epoch":1,"step":47,"files":[{"name":"state.safetensors","path":"checkpoints/1/state.safetensors"}]}
//! {"event":"point","point":"main","metrics":{"accuracy":0.93},"files":[{"name":"model.onnx","path":"points/main/model.onnx"}]}
//! {"event":"done"}
//! ```
//!
//! Paths are relative to the attempt folder and may not leave it. Hash and size may be left out: the agent computes both.

use serde::{Deserialize, Serialize};

use crate::ids::ContentHash;
use crate::metrics::Metrics;
use crate::states::FailureClass;

/// A file that a runner made, or that was fetched for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// What the file is to its reader: `model.onnx`, `weights.safetensors`.
    pub name: String,
    /// Where it lies, relative to the attempt folder. Empty once only the hash matters.
    #[serde(default)]
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<ContentHash>,
    #[serde(default)]
    pub size_bytes: u64,
}

/// The end of an epoch, as agents tell it and the coordinator keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// From 1, over the whole job.
    pub epoch: u32,
    pub epochs: u32,
    pub phase: String,
    pub metrics: Metrics,
}

/// One line on file descriptor 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunnerEvent {
    /// The runner continues from a checkpoint instead of starting over.
    Resumed { epoch: u32, step: u64 },
    /// How far the whole job is, in 0..=1, and what it does now. May be dropped on the way.
    Progress {
        fraction: f64,
        #[serde(default)]
        message: String,
    },
    /// An epoch ended. `epoch` counts from 1 over the whole job, `epochs` is the job's total.
    Epoch {
        epoch: u32,
        epochs: u32,
        #[serde(default)]
        phase: String,
        #[serde(default)]
        metrics: Metrics,
    },
    /// A complete checkpoint lies on disk. Names are relative to the checkpoint's own folder.
    Checkpoint { epoch: u32, step: u64, files: Vec<FileRef> },
    /// A measured model of this job. Job-level values may be told with an empty `files`.
    Point {
        point: String,
        #[serde(default)]
        metrics: Metrics,
        #[serde(default)]
        files: Vec<FileRef>,
    },
    /// An output that belongs to the job as a whole.
    Artifact { file: FileRef },
    /// The last line of an attempt that failed.
    Failed { class: FailureClass, message: String },
    /// The last line of an attempt that succeeded.
    Done,
}

/// Exit statuses of `sweep-runner`. The events are what counts; the status tells people who run it by hand.
pub mod exit {
    pub const DONE: i32 = 0;
    pub const FAILED: i32 = 1;
    /// `job.json` is missing or malformed.
    pub const USAGE: i32 = 2;
    /// SIGTERM: a checkpoint was written and the job can continue from it.
    pub const INTERRUPTED: i32 = 75;
}
