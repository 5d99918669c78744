//! A network as an ONNX file.
//!
//! A float graph becomes ordinary ONNX and a quantized one QDQ: integers in the initialisers, and `QuantizeLinear`/`DequantizeLinear`
//! pairs from which ONNX Runtime makes integer kernels. `ops` has the ONNX nodes for each op (`transformer` the longer ones), `qdq` the
//! quantizers, `write` the bookkeeping of names and bytes.

mod ops;
mod qdq;
mod transformer;
pub(super) mod write;

use prost::Message;

use crate::graph::INPUT;
use crate::model::Model;
use crate::op::{Op, QuantSpec};
use crate::passes::quantize::{QuantizeError, activation_source};
use crate::tensor::MissingTensor;
use crate::verify::{self, VerifyError};

use write::Writer;

/// The operator set that exports use: per-channel quantization needs 13, and ONNX Runtime has run 17 since 1.12.
pub const OPSET: i64 = 17;
/// Version of the ONNX file format itself, as old as [`OPSET`].
const IR_VERSION: i64 = 8;
/// Name of the exported input, `[N, C, H, W]`.
pub const INPUT_NAME: &str = INPUT;
/// Name of the exported output, `[N, classes]`.
pub const OUTPUT_NAME: &str = "logits";

/// Why a model cannot be exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The model is unsound.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// ONNX has 8-bit quantizers only (in the operator sets that runtimes execute).
    #[error("node {node:?} is quantized to {bits} bits; ONNX export knows 8")]
    Bits {
        /// The node.
        node: String,
        /// Its width.
        bits: u8,
    },
    /// A quantized convolution is still followed by its batch norm, whose scale its integers must include.
    #[error("node {node:?} is quantized but its batch norm is not folded: run `passes::pipeline::deploy` first")]
    Unfolded {
        /// The batch norm.
        node: String,
    },
    /// ONNX has no nodes that compute exactly this.
    #[error("node {node:?} cannot be exported to ONNX: {what}")]
    Unsupported {
        /// The node.
        node: String,
        /// What it does.
        what: String,
    },
    /// The integers cannot be computed.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// A tensor is missing.
    #[error(transparent)]
    Missing(#[from] MissingTensor),
}

/// The bytes of an ONNX file for the model: input `input` `[N, C, H, W]` and output `logits` `[N, classes]`, both float, with a
/// free batch size `N`. Equal models give equal bytes.
///
/// A model with quantizers becomes QDQ with int8 weights, int32 biases and 8-bit activations. Export the result of
/// `passes::pipeline::deploy`: batch norm that is left becomes a node of its own, and is an error behind quantized weights.
pub fn export(model: &Model) -> Result<Vec<u8>, ExportError> {
    let shapes = verify::model(model)?;
    check_quantizers(model)?;
    let mut writer = Writer::new(&model.graph);
    let deployed = model.graph.deployed_nodes();
    for node in model.graph.nodes.iter().filter(|node| deployed.contains(node.name.as_str())) {
        match &node.op {
            Op::Input => {}
            Op::FakeQuant(spec) => qdq::activation(&mut writer, model, node, spec)?,
            op => {
                let parameters = if op.weight_quant().is_some() {
                    qdq::weights(&mut writer, model, node)?
                } else {
                    write::float_weights(&mut writer, model, node)?
                };
                let grid = kept_grid(model, node);
                let output = if grid.is_some() { format!("{}.x", node.name) } else { writer.value_name(&node.name) };
                ops::emit(&mut writer, node, &output, parameters, &shapes)?;
                if let Some(grid) = grid {
                    qdq::requantize(&mut writer, &grid, &node.name, &output);
                }
            }
        }
    }
    Ok(writer.finish(&model.graph).encode_to_vec())
}

/// For an op that moves quantized values unchanged, the quantizer that its output repeats so that the runtime can run it on
/// integers. Logits stay float.
fn kept_grid(model: &Model, node: &crate::graph::Node) -> Option<String> {
    if model.graph.output == node.name {
        return None;
    }
    activation_source(&model.graph, &node.name).map(|source| source.name.clone())
}

fn check_quantizers(model: &Model) -> Result<(), ExportError> {
    for node in &model.graph.nodes {
        let spec: Option<&QuantSpec> = match &node.op {
            Op::FakeQuant(spec) => Some(spec),
            op => op.weight_quant(),
        };
        if let Some(spec) = spec.filter(|spec| spec.bits != 8) {
            return Err(ExportError::Bits { node: node.name.clone(), bits: spec.bits });
        }
    }
    let quantized = |conv: &str| model.graph.node(conv).is_some_and(|node| node.op.weight_quant().is_some());
    let unfolded = crate::passes::fold::foldable_pairs(&model.graph).into_iter().find(|(conv, _)| quantized(conv));
    unfolded.map_or(Ok(()), |(_, node)| Err(ExportError::Unfolded { node }))
}

#[cfg(test)]
mod tests;
