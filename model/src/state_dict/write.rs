//! A network's weights for PyTorch.

use std::collections::HashMap;

use safetensors::{Dtype, tensor::TensorView};

use crate::graph::Graph;
use crate::model::{Model, ModelError, le_bytes};
use crate::op::{Op, Role};

/// The bytes of a safetensors file that `module.load_state_dict(safetensors.torch.load_file(…), strict=True)` takes in PyTorch,
/// where `module` is the one that the network's names come from: parameters and buffers in F32, those of auxiliary
/// classifiers too, and for each batch norm a scalar `num_batches_tracked` (I64) of 0, which PyTorch's modules have and use for
/// `momentum=None` only. Quantizers are left out.
pub fn to_safetensors(model: &Model) -> Result<Vec<u8>, ModelError> {
    let tensors = entries(&model.graph).into_iter().map(|Entry { name, dtype, shape }| {
        let bytes = match dtype {
            Dtype::F32 => le_bytes(&model.weights.get(&name)?.data),
            _ => 0i64.to_le_bytes().to_vec(),
        };
        Ok((name, dtype, shape, bytes))
    });
    let tensors = tensors.collect::<Result<Vec<_>, ModelError>>()?;
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    // What Hugging Face's loaders look for.
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(views.collect::<Result<Vec<_>, _>>()?, Some(format))?)
}

/// One tensor of a module's state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
}

/// What PyTorch's module of this graph has in its state dict.
fn entries(graph: &Graph) -> Vec<Entry> {
    let floats = graph.params().filter(|(_, param)| param.role != Role::Quantizer);
    let floats = floats.map(|(name, param)| Entry { name, dtype: Dtype::F32, shape: param.shape });
    let norms = graph.nodes.iter().filter(|node| matches!(node.op, Op::BatchNorm2d(_)));
    let counts =
        norms.map(|node| Entry { name: node.param_name("num_batches_tracked"), dtype: Dtype::I64, shape: Vec::new() });
    floats.chain(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, ZooOptions};

    /// `scripts/state_dicts.py names` asked torchvision; `load_state_dict(strict=True)` compares just this.
    #[test]
    fn names_types_and_shapes_are_those_of_torchvision() {
        let table = include_str!("../../fixtures/state_dict/torchvision.txt");
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(' ').collect()).collect();
        assert_eq!(rows.len(), 18);
        for row in rows {
            let &[name, tensors, checksum] = row.as_slice() else { panic!("{row:?}") };
            let options = ZooOptions { input: zoo::input(name).unwrap(), classes: 1000, ..ZooOptions::default() };
            let mut entries = entries(&zoo::build(name, &options).unwrap());
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            let line = |Entry { name, dtype, shape }: &Entry| {
                let shape: Vec<_> = shape.iter().map(ToString::to_string).collect();
                format!("{name} {dtype:?} {}\n", shape.join("x"))
            };
            let known: Vec<_> = entries.iter().map(line).collect();
            assert_eq!(known.len().to_string(), tensors, "tensors of {name}");
            assert_eq!(format!("{:08x}", crc32fast::hash(known.concat().as_bytes())), checksum, "names of {name}");
        }
    }
}
