//! Putting quantizers into a float graph.

use std::collections::{HashMap, HashSet};

use super::units::{self, Behaviour};
use super::{Profile, QuantizeError, scales};
use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::op::{Op, QuantSpec};
use crate::passes::fold;
use crate::passes::pipeline::PassError;
use crate::tensor::Tensor;
use crate::verify;

/// Inserts quantizers for the profile. The float graph may have its batch norm folded or not.
///
/// For `ort-vnni`: `FakeQuant` after the image, after every unit (convolution, linear layer, Add, Concat, average pool, each
/// with its batch norm and activation) and after float ops that such a unit reads, but not after what becomes the logits;
/// max-pool, flatten and dropout stay on their input's grid. Convolutions and linear layers get int8 weights per output
/// channel. A `FakeQuant` is called `<first node of the unit>.quant`.
///
/// Auxiliary classifiers go: a network that is quantized is trained, and its quantizers have no use for them.
///
/// Activations start with scale 1 and zero point 0, to be calibrated; weight scales with their min-max values.
pub fn insert(model: &Model, profile: Profile) -> Result<Model, QuantizeError> {
    if !profile.is_supported() {
        return Err(QuantizeError::Unsupported(profile));
    }
    if model.graph.is_quantized() {
        return Err(QuantizeError::AlreadyQuantized(model.graph.name.clone()));
    }
    if let Some(node) = model.graph.nodes.iter().find(|node| units::behaviour(&node.op) == Behaviour::Unknown) {
        return Err(QuantizeError::UnknownOp { node: node.name.clone(), kind: node.op.kind() });
    }
    verify::model(model).map_err(PassError::Before)?;
    let mut quantized = fold::remove_auxiliary(model);
    for (value, quantizer) in places(&quantized.graph) {
        insert_after(&mut quantized.graph, &value, &quantizer);
        quantized.weights.insert(format!("{quantizer}.scale"), Tensor::full([1], 1.0));
        quantized.weights.insert(format!("{quantizer}.zero_point"), Tensor::zeros([1]));
    }
    for node in &mut quantized.graph.nodes {
        if node.op.set_weight_quant(Some(QuantSpec::INT8_WEIGHT)) {
            let channels = model.weights.param(&node.name, "weight")?.shape[0];
            quantized.weights.insert(node.param_name("weight_scale"), Tensor::full([channels], 1.0));
        }
    }
    scales::fit_weight_scales(&mut quantized)?;
    verify::model(&quantized).map_err(|source| PassError::After { pass: "insert quantizers", source })?;
    Ok(quantized)
}

/// The values to quantize, in graph order, each with the name of its quantizer.
fn places(graph: &Graph) -> Vec<(String, String)> {
    let units = units::integer_units(graph);
    let inside: HashSet<&str> = units.iter().flat_map(|unit| &unit.nodes).map(String::as_str).collect();
    let tails: HashMap<&str, &str> = units.iter().map(|unit| (unit.tail.as_str(), unit.head.as_str())).collect();
    let place = |node: &Node| {
        let name = node.name.as_str();
        let feeds = units::feeds_integer(graph, name);
        let base = match tails.get(name) {
            Some(head) => (feeds || !units::is_logits(graph, name)).then_some(*head),
            None if inside.contains(name) || units::behaviour(&node.op) == Behaviour::Passing => None,
            None => feeds.then_some(name),
        };
        base.map(|base| (name.to_owned(), format!("{base}.quant")))
    };
    graph.nodes.iter().filter_map(place).collect()
}

/// Adds the quantizer right after the node and lets the node's readers read it. Logits stay unquantized.
fn insert_after(graph: &mut Graph, value: &str, quantizer: &str) {
    let Some(at) = graph.nodes.iter().position(|node| node.name == value) else { return };
    for input in graph.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut()).filter(|input| *input == value) {
        quantizer.clone_into(input);
    }
    let op = Op::FakeQuant(QuantSpec::UINT8_ACTIVATION);
    graph.nodes.insert(at + 1, Node { name: quantizer.into(), op, inputs: vec![value.into()] });
}
