//! What a job is, with every default filled in: the contents of `job.json`.
//!
//! A [`JobSpec`] says everything that determines the result (and only that); its serialised form is what the job's key
//! hashes. What belongs to one attempt (threads, device, where the inputs were fetched) is in [`Assignment`] around it.
//! The plan module makes specs; the runner obeys them. `stage.rs` has the kinds, `model.rs` the networks that they
//! begin with, `freeze.rs` what they do not train, `training.rs` their shared parts, `at_once.rs` how many images they take at a time,
//! `cycles.rs` how far each round of pruning goes, `footprint.rs` how much memory that comes to, `environment.rs` how variables of commands may be called.

mod at_once;
pub mod cycles;
mod environment;
pub mod footprint;
mod freeze;
mod model;
mod path;
mod stage;
mod training;

use serde::{Deserialize, Serialize};

use crate::event::FileRef;
use crate::ids::Token;
use crate::resources::DeviceClass;

pub use at_once::*;
pub use environment::*;
pub use freeze::*;
pub use model::*;
pub use path::*;
pub use stage::*;
pub use training::*;

/// Raised when the engine computes other numbers from the same spec: jobs of before and after have different keys then.
pub const NUMERIC_VERSION: u32 = 1;

/// One job, fully defaulted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The stage's name in the plan.
    pub stage: String,
    pub seed: u64,
    /// `None` for command stages that use no data set of ours.
    pub data: Option<DataSpec>,
    #[serde(flatten)]
    pub kind: StageKind,
    /// In the order in which the stage names them.
    pub inputs: Vec<InputSpec>,
}

/// A point of an earlier job that this job reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpec {
    pub role: Role,
    /// The key of the job that makes it.
    pub key: String,
    /// The point's name; [`MAIN_POINT`] where the job has only one.
    pub point: String,
}

/// The name of the only point of a job that makes one.
pub const MAIN_POINT: &str = "main";

/// What an input is to the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The network to prune, quantize, evaluate or (for a command) use.
    Input,
    Teacher,
    /// The point whose latency is measured.
    Candidate,
    /// The fp32 network measured beside the candidate in the same process.
    Reference,
}

/// The contents of `job.json`: the job, and what holds for this attempt only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    pub token: Token,
    pub spec: JobSpec,
    /// Beside `spec.inputs`, in the same order: where the agent fetched each point.
    pub inputs: Vec<FetchedInput>,
    /// Folders of checkpoints to continue from, newest first; the runner takes the first that is whole.
    pub resume: Vec<String>,
    pub device: DeviceClass,
    pub device_index: u32,
    /// Compute threads, fixed by the agent's slots. Other numbers give other bits.
    pub threads: u32,
    /// Where data sets are kept and decoded images cached, absolute.
    pub datasets: String,
    /// Into how many parts each training batch is split, one after the other, their gradients added up: less memory, more time.
    /// Other numbers give other bits, and with batch norm other statistics.
    #[serde(default = "one_part")]
    pub micro_batches: u32,
    /// The peak that was promised to fit; 0 where nothing is known.
    #[serde(default)]
    pub memory_bytes: u64,
    /// What this runner may take of its device (of the host's memory, on the CPU) at most; `None`: whatever is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// The share of the time that this runner may keep its device busy, above 0 and up to 1; `None`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_share: Option<f64>,
}

fn one_part() -> u32 {
    1
}

/// A fetched input: the folder (relative to the attempt's) and the files in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedInput {
    pub folder: String,
    pub files: Vec<FileRef>,
}

/// Where in the attempt folder the files of the job's network lie ([`ModelSpec::files`]), under the names that the plan gives them.
pub const MODEL_FILES: &str = "files";

/// The name of the file in the attempt folder that holds the [`Assignment`].
pub const JOB_FILE: &str = "job.json";
