//! A network's weights for PyTorch.

use std::collections::HashMap;

use safetensors::{Dtype, tensor::TensorView};

use crate::model::{Model, ModelError, le_bytes};
use crate::op::{Op, Role};

/// The bytes of a safetensors file that `model.load_state_dict(safetensors.torch.load_file(…), strict=True)` takes in PyTorch,
/// where `model` is the module that the network's names come from: parameters and buffers in F32, those of auxiliary
/// classifiers too, and for each batch norm a scalar `num_batches_tracked` (I64) of 0, which PyTorch's modules have and use for
/// `momentum=None` only. Quantizers are left out.
pub fn to_safetensors(model: &Model) -> Result<Vec<u8>, ModelError> {
    let floats = model.graph.params().filter(|(_, param)| param.role != Role::Quantizer).map(|(name, _)| {
        let tensor = model.weights.get(&name).map_err(ModelError::from)?;
        Ok((name, Dtype::F32, tensor.shape.clone(), le_bytes(&tensor.data)))
    });
    let norms = model.graph.nodes.iter().filter(|node| matches!(node.op, Op::BatchNorm2d(_)));
    let counts = norms
        .map(|node| Ok((node.param_name("num_batches_tracked"), Dtype::I64, Vec::new(), 0i64.to_le_bytes().to_vec())));
    let tensors = floats.chain(counts).collect::<Result<Vec<_>, ModelError>>()?;
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    // What Hugging Face's loaders look for.
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(views.collect::<Result<Vec<_>, _>>()?, Some(format))?)
}
