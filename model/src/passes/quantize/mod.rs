//! Quantization: where the quantizers sit, and which integers the deployed file holds.
//!
//! A [`Profile`] names the runtime that the file is for, since runtimes differ in where they want scales. [`insert`] puts
//! `FakeQuant` nodes and weight quantizers into a float graph, folded or not: a convolution, its batch norm and its
//! activation are one unit ([`units`]), and the node after it is named after the convolution, so that a graph that was
//! trained unfolded has, once folded, the same names as one quantized after folding. Calibration or training then fills the
//! activations' `scale` and `zero_point` ([`range`]), [`scales`] fits the weights' scales, and [`integers`] gives the exact int8
//! and int32 values that the export writes and the simulation must reproduce.

mod insert;
mod integers;
mod range;
mod scales;
mod units;

pub use insert::insert;
pub use integers::{IntegerLayer, as_deployed, integer_layer};
pub use range::affine;
pub use scales::{fit_bias_range, fit_weight_scales};
pub use units::{Unit, activation_source, integer_units};

use serde::{Deserialize, Serialize};

use super::pipeline::PassError;
use crate::tensor::MissingTensor;

/// The runtime and instruction set that a quantized file is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// ONNX Runtime on x86-64 with VNNI: asymmetric uint8 activations, int8 weights per output channel.
    OrtVnni,
    /// ONNX Runtime on x86-64 without VNNI: as before with 7-bit weights.
    OrtAvx2,
    /// TensorRT: symmetric int8 everywhere.
    Tensorrt,
}

impl Profile {
    /// All profiles, those that cannot be used yet included.
    pub const ALL: [Self; 3] = [Self::OrtVnni, Self::OrtAvx2, Self::Tensorrt];

    /// The word a plan uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrtVnni => "ort-vnni",
            Self::OrtAvx2 => "ort-avx2",
            Self::Tensorrt => "tensorrt",
        }
    }

    /// Whether this version can quantize for it.
    pub fn is_supported(self) -> bool {
        self == Self::OrtVnni
    }
}

impl std::str::FromStr for Profile {
    type Err = QuantizeError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|profile| profile.name() == word);
        known.ok_or_else(|| QuantizeError::UnknownProfile(word.into()))
    }
}

/// Why a model cannot be quantized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantizeError {
    /// The word is no profile.
    #[error("there is no target profile {0:?}; there are ort-vnni, ort-avx2 and tensorrt")]
    UnknownProfile(String),
    /// The profile is known but not written yet.
    #[error("the target profile {:?} is not supported yet; use \"ort-vnni\"", .0.name())]
    Unsupported(Profile),
    /// No profile says where quantizers sit around the op.
    #[error("node {node:?} is of the kind {kind}, which cannot be quantized yet: transformers stay in floating point")]
    UnknownOp {
        /// The first such node.
        node: String,
        /// Its op.
        kind: &'static str,
    },
    /// The graph holds quantizers already.
    #[error("the network {0:?} is quantized already")]
    AlreadyQuantized(String),
    /// The node has no weight quantizer.
    #[error("node {0:?} has no quantized weights")]
    NotQuantized(String),
    /// A pass failed.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// A tensor is missing.
    #[error(transparent)]
    Missing(#[from] MissingTensor),
}

#[cfg(test)]
mod tests;
