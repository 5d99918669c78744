//! Which of a file's layers run as integer kernels, read from the graph that the runtime optimised and saved.

use std::collections::BTreeMap;

use sweep_model::onnx;

/// How the runtime computes a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelKind {
    /// A convolution or matrix product on integers.
    IntegerLayer,
    /// A convolution or matrix product on floats.
    FloatLayer,
    /// Other arithmetic on floats: these are the ops "left float".
    FloatOp,
    /// Integer arithmetic, or only moving and converting data.
    Neutral,
}

/// The operators of an optimised graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelReport {
    /// How often each operator occurs; those of the runtime's own domains bear the domain (`com.microsoft.QLinearAdd`).
    pub counts: BTreeMap<String, usize>,
}

impl KernelReport {
    pub(super) fn of_optimised(bytes: &[u8]) -> Result<KernelReport, String> {
        let model = onnx::read(bytes).map_err(|error| error.to_string())?;
        Ok(KernelReport { counts: onnx::op_counts(&model) })
    }

    /// Share of convolutions and matrix products that run on integers, in 0..=1; 0 where there are none.
    pub fn fused_share(&self) -> f64 {
        let (integer, float) = (self.count(KernelKind::IntegerLayer), self.count(KernelKind::FloatLayer));
        if integer + float == 0 { 0.0 } else { integer as f64 / (integer + float) as f64 }
    }

    /// Operators that compute on floats, with their counts.
    pub fn left_float(&self) -> BTreeMap<&str, usize> {
        let is_float = |op: &str| matches!(classify(op), KernelKind::FloatLayer | KernelKind::FloatOp);
        self.counts.iter().filter(|(op, _)| is_float(op)).map(|(op, count)| (op.as_str(), *count)).collect()
    }

    fn count(&self, kind: KernelKind) -> usize {
        self.counts.iter().filter(|(op, _)| classify(op) == kind).map(|(_, count)| count).sum()
    }
}

/// Convolutions and matrix products on integers.
const INTEGER_LAYERS: [&str; 7] = [
    "QLinearConv",
    "ConvInteger",
    "QGemm",
    "QLinearMatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "DynamicQuantizeMatMul",
];
/// The same on floats; the NCHWc convolution is called `Conv` too, in a domain of its own.
const FLOAT_LAYERS: [&str; 7] = ["Conv", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"];
/// They run on whichever type they are given and compute nothing new. `NhwcMaxPool` exists for 8-bit integers only.
const NEUTRAL: [&str; 13] = [
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "MaxPool",
    "NhwcMaxPool",
    "Reshape",
    "Flatten",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Identity",
    "ReorderInput",
    "ReorderOutput",
];

/// What an operator is. Names are ONNX's and those of ONNX Runtime's own domains, with or without the domain.
pub fn classify(op: &str) -> KernelKind {
    let op = op.rsplit('.').next().unwrap_or(op);
    if INTEGER_LAYERS.contains(&op) {
        KernelKind::IntegerLayer
    } else if FLOAT_LAYERS.contains(&op) {
        KernelKind::FloatLayer
    } else if NEUTRAL.contains(&op) || op.starts_with("QLinear") {
        KernelKind::Neutral
    } else {
        KernelKind::FloatOp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_counts_layers_only() {
        let counts = [
            ("QLinearConv", 3),
            ("com.microsoft.nchwc.Conv", 1),
            ("com.microsoft.QLinearAdd", 2),
            ("Relu", 1),
            ("QuantizeLinear", 5),
        ];
        let report = KernelReport { counts: counts.map(|(op, count)| (op.to_owned(), count)).into() };
        assert_eq!(report.fused_share(), 0.75);
        assert_eq!(report.left_float(), BTreeMap::from([("Relu", 1), ("com.microsoft.nchwc.Conv", 1)]));
    }

    #[test]
    fn a_graph_without_layers_has_share_zero() {
        assert_eq!(KernelReport { counts: BTreeMap::new() }.fused_share(), 0.0);
    }
}
