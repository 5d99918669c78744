//! One measured model.

use std::path::PathBuf;

use serde_json::{Map, Value};
use sweep_shared::ids::JobId;
use sweep_shared::metrics::Metrics;
use sweep_shared::wire::{self, v1};

use super::malformed;
use crate::exit::{Failure, Outcome};

/// One measured model of one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub job: JobId,
    pub stage: String,
    pub kind: String,
    pub label: String,
    /// `main` where the job has only one.
    pub point: String,
    pub seed: u64,
    pub key: String,
    pub params: Map<String, Value>,
    /// The point's own, and those of its measure job.
    pub metrics: Metrics,
    pub files: Vec<StoredFile>,
    pub host: String,
    pub agent: String,
    pub attempt: u32,
    pub resumed_from: u32,
    pub reused: bool,
}

/// A file of a point, where the coordinator keeps it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoredFile {
    pub name: String,
    pub hash: String,
    pub size_bytes: u64,
    pub path: PathBuf,
}

impl Point {
    /// False for the outputs of a command, which come as a point without values.
    pub fn is_measured(&self) -> bool {
        !self.metrics.is_empty()
    }
}

impl TryFrom<v1::ResultPoint> for Point {
    type Error = Failure;

    fn try_from(p: v1::ResultPoint) -> Outcome<Self> {
        let params: Option<Map<String, Value>> = wire::from_json("parameters", &p.params_json).map_err(malformed)?;
        let metrics: Option<Metrics> = wire::from_json("metrics", &p.metrics_json).map_err(malformed)?;
        Ok(Self {
            job: JobId(p.job),
            stage: p.stage,
            kind: p.kind,
            label: p.label,
            point: p.point,
            seed: p.seed,
            key: p.key,
            params: params.unwrap_or_default(),
            metrics: metrics.unwrap_or_default(),
            files: p.files.into_iter().map(StoredFile::from).collect(),
            host: p.host,
            agent: p.agent,
            attempt: p.attempt,
            resumed_from: p.resumed_from,
            reused: p.reused,
        })
    }
}

impl From<v1::StoredFile> for StoredFile {
    fn from(f: v1::StoredFile) -> Self {
        Self { name: f.name, hash: f.hash, size_bytes: f.size_bytes, path: f.path.into() }
    }
}
