//! The stage kinds and their parameters.

use serde::{Deserialize, Serialize};

use super::freeze::FreezeSpec;
use super::model::ModelSpec;
use super::training::FitSpec;

/// What a job does. The tag is the word used in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "params")]
pub enum StageKind {
    Train(TrainSpec),
    Distill(DistillSpec),
    Prune(PruneSpec),
    Quantize(QuantizeSpec),
    Evaluate(EvaluateSpec),
    /// Added by the coordinator for each point; not written in plans.
    Measure(MeasureSpec),
    Command(CommandSpec),
}

impl StageKind {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Train(_) => "train",
            Self::Distill(_) => "distill",
            Self::Prune(_) => "prune",
            Self::Quantize(_) => "quantize",
            Self::Evaluate(_) => "evaluate",
            Self::Measure(_) => "measure",
            Self::Command(_) => "command",
        }
    }

    /// The network that the stage begins with, if not its input's.
    pub fn model(&self) -> Option<&ModelSpec> {
        match self {
            Self::Train(train) => train.model.as_ref(),
            Self::Distill(distill) => Some(&distill.model),
            _ => None,
        }
    }

    /// What the stage keeps from training.
    pub fn frozen(&self) -> Option<&FreezeSpec> {
        match self {
            Self::Train(train) => Some(&train.frozen),
            Self::Distill(distill) => Some(&distill.frozen),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSpec {
    /// What is trained; `None`: the network of the job's input is trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSpec>,
    #[serde(flatten)]
    pub frozen: FreezeSpec,
    pub fit: FitSpec,
}

/// Hinton et al. 2015: `alpha`·T²·KL(teacher ‖ student) + (1 − `alpha`)·cross-entropy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistillSpec {
    /// The student.
    pub model: ModelSpec,
    #[serde(flatten)]
    pub frozen: FreezeSpec,
    pub alpha: f64,
    pub temperature: f64,
    pub fit: FitSpec,
}

/// Prune, retrain, and again, until the last of `keep`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PruneSpec {
    pub method: PruneMethod,
    pub criterion: Criterion,
    pub scope: Scope,
    /// Share of what is left that each cycle removes, in 0..1.
    pub per_cycle: f64,
    /// Sparsities (share removed of the original) at which a point is kept, ascending, each in 0..1. The cycles stop exactly at each.
    pub keep: Vec<f64>,
    /// Retraining after each cycle.
    pub retrain: FitSpec,
    /// Structured: channel numbers stay multiples of this.
    pub round_to: u32,
}

impl PruneSpec {
    /// The name of the point kept at this sparsity: `s0.48`.
    pub fn point_name(sparsity: f64) -> String {
        format!("s{sparsity:.2}")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneMethod {
    /// Single weights become zero; the network keeps its shape.
    Unstructured,
    /// Coupled groups of channels are taken out; the network becomes smaller.
    Structured,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    L1,
    L2,
    /// |γ| of the batch norm behind the channel (Liu et al. 2017); structured only.
    BnScale,
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything ranked together.
    Global,
    /// The same share of each layer.
    Layer,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantizeSpec {
    pub target: QuantTarget,
    pub mode: QuantMode,
    pub observer: Observer,
    /// Images of the training split that the ranges are taken from.
    pub calibration_images: u32,
    /// QAT only.
    pub fit: Option<FitSpec>,
}

/// The target profile (QUANTIZATION.md): where scales sit, their symmetry, the bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuantTarget {
    OrtVnni,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantMode {
    /// Post-training, ranges from calibration images.
    Static,
    /// Quantization-aware training.
    Qat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    MinMax,
    MovingAverage,
    /// Histogram, clipped at the 99.99th percentile.
    Percentile,
    /// Histogram, clipped where the KL divergence is least.
    Entropy,
}

/// Measures an input again on the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluateSpec {}

/// Latency and throughput in ONNX Runtime, candidate and fp32 reference interleaved in one fresh process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureSpec {
    pub batches: Vec<u32>,
    /// Timed runs of each network at each batch size, after the warm-up.
    pub runs: u32,
    /// Intra-op threads.
    pub threads: u32,
}

/// The user's own program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Argument vector; no shell in between. `${axis}` and `${seed}` are already replaced.
    pub run: Vec<String>,
    pub protocol: Protocol,
    /// Files (relative to the attempt folder) that must exist afterwards; they become artifacts.
    pub outputs: Vec<String>,
    /// Files the command needs (its script). They travel with the plan as artifacts and lie in the attempt folder, which is
    /// the command's working folder, under the same relative names.
    pub files: Vec<PlanFile>,
    pub matrix: std::collections::BTreeMap<String, serde_json::Value>,
    /// Whether a finished job of another sweep with the same key may stand for this one.
    pub reuse: bool,
    /// Variables of its environment, with their values. `${axis}` and `${seed}` are already replaced.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub env: std::collections::BTreeMap<String, String>,
    /// Names of variables whose values only agents know, sorted. No part of the key: who may look into an account changes
    /// nothing in what is computed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// A file that travels with the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFile {
    /// Relative to the plan's folder; never absolute, never with `..`. In the attempt folder a command's files lie under the same
    /// name, a network's below [`super::MODEL_FILES`].
    pub name: String,
    pub hash: crate::ids::ContentHash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Exit status 0 and all `outputs` are success.
    Exit,
    /// The runner protocol on file descriptor 3 (see [`crate::event`]).
    Events,
}
