//! What `sweep-runner bisect` tells `sweep model bisect`: where two executions of a network part.

use serde::{Deserialize, Serialize};

/// The executions of one network, compared with the engine's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BisectReport {
    /// Name of the network.
    pub network: String,
    /// Images that it was run on.
    pub images: usize,
    /// What max|Δ| / max|value| of a node may be.
    pub tolerance: f64,
    pub comparisons: Vec<BisectComparison>,
}

/// One execution beside the engine's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BisectComparison {
    /// Who computed it: ONNX Runtime, or the name of a dump.
    pub against: String,
    /// The first node that differs by more than the tolerance.
    pub first: Option<String>,
    /// The nodes that both know, in graph order.
    pub nodes: Vec<BisectNode>,
}

/// One node of both executions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BisectNode {
    pub name: String,
    /// The op's word.
    pub kind: String,
    /// Of the value, `[N, …]`.
    pub shape: Vec<usize>,
    /// max|Δ| / max|value|; `None` where shapes differ, or where a number is not finite.
    pub difference: Option<f64>,
}

impl BisectNode {
    /// Whether the difference is more than the tolerance.
    pub fn differs(&self, tolerance: f64) -> bool {
        self.difference.is_none_or(|difference| difference > tolerance)
    }
}
