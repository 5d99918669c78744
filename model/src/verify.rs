//! Is a graph sound, and do the weights fit it? Every error names the node or the tensor.
//!
//! Passes run this after each step (`passes::pipeline`), and [`crate::Model::load`] runs it on what it read, so the rest of
//! the system never meets a graph that refers to nothing or a tensor of the wrong shape.

use std::collections::HashSet;

use crate::graph::{Graph, INPUT};
use crate::model::Model;
use crate::op::{Op, QuantSpec};
use crate::shape::{self, ShapeError, Shapes};

/// What is wrong with a graph or with its weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The first node is not the image, or there is a second image.
    #[error("node {node:?}: a graph begins with the op `input` under the name {INPUT:?}, and has no other")]
    Input {
        /// The node in its place, or the second image.
        node: String,
    },
    /// Two nodes share a name.
    #[error("two nodes are called {node:?}")]
    Duplicate {
        /// The name.
        node: String,
    },
    /// A node reads itself or a later node.
    #[error("node {node:?} reads {input:?}, which comes later: the nodes are out of order or form a cycle")]
    Order {
        /// The reader.
        node: String,
        /// What it reads.
        input: String,
    },
    /// A node reads what does not exist, or its op does not fit its inputs.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A quantizer that no integer type has.
    #[error(
        "node {node:?}: quantizers have 2 to 8 bits, per channel only for weights, not {bits} bits (per channel: {per_channel})"
    )]
    Quantizer {
        /// The node.
        node: String,
        /// Width asked for.
        bits: u8,
        /// Whether per channel.
        per_channel: bool,
    },
    /// The output names no node.
    #[error("the output is {output:?}, but there is no such node")]
    UnknownOutput {
        /// The name.
        output: String,
    },
    /// The output is not a vector of logits.
    #[error("the output {output:?} has shape {found:?}, but {classes} classes need [{classes}]")]
    OutputShape {
        /// The node.
        output: String,
        /// Its shape.
        found: Vec<usize>,
        /// Number of logits expected.
        classes: usize,
    },
    /// A tensor that the graph needs is not there.
    #[error("the weights have no tensor {name:?}, which the graph needs with shape {expected:?}")]
    MissingTensor {
        /// Its full name.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// A tensor that no node owns.
    #[error("the weights have a tensor {name:?} that no node of the graph owns")]
    ExtraTensor {
        /// Its full name.
        name: String,
    },
    /// A tensor of the wrong shape.
    #[error("tensor {name:?} has shape {found:?}, but the graph needs {expected:?}")]
    TensorShape {
        /// Its full name.
        name: String,
        /// What it has.
        found: Vec<usize>,
        /// What it should have.
        expected: Vec<usize>,
    },
    /// A quantizer's scale that is not a positive number, or a zero point outside the integers' range.
    #[error("tensor {name:?} holds {value}, which is no {what}")]
    QuantizerValue {
        /// The tensor's full name.
        name: String,
        /// The bad number, as text.
        value: String,
        /// `scale` or `zero point`.
        what: &'static str,
    },
}

/// Checks names, order, shapes and the output; returns the shapes.
pub fn graph(graph: &Graph) -> Result<Shapes, VerifyError> {
    check_names(graph)?;
    check_order(graph)?;
    let shapes = shape::infer(graph)?;
    for node in &graph.nodes {
        check_quantizer(&node.name, &node.op)?;
    }
    check_output(graph, &graph.output, &shapes)?;
    for auxiliary in &graph.auxiliary {
        check_output(graph, &auxiliary.output, &shapes)?;
    }
    Ok(shapes)
}

fn check_output(graph: &Graph, output: &str, shapes: &Shapes) -> Result<(), VerifyError> {
    let output = output.to_owned();
    match shapes.get(&output) {
        None => Err(VerifyError::UnknownOutput { output }),
        Some(found) if *found != [graph.classes] => {
            Err(VerifyError::OutputShape { output, found: found.clone(), classes: graph.classes })
        }
        Some(_) => Ok(()),
    }
}

/// [`graph`], and that the weights are exactly the tensors the graph needs, with the right shapes.
pub fn model(model: &Model) -> Result<Shapes, VerifyError> {
    let shapes = graph(&model.graph)?;
    let mut known = HashSet::new();
    for (name, param) in model.graph.params() {
        let expected = param.shape;
        match model.weights.get(&name) {
            Err(_) => return Err(VerifyError::MissingTensor { name, expected }),
            Ok(tensor) if tensor.shape != expected => {
                return Err(VerifyError::TensorShape { name, found: tensor.shape.clone(), expected });
            }
            Ok(_) => known.insert(name),
        };
    }
    if let Some(name) = model.weights.names().find(|name| !known.contains(*name)) {
        return Err(VerifyError::ExtraTensor { name: name.into() });
    }
    check_quantizer_values(model)?;
    Ok(shapes)
}

fn check_names(graph: &Graph) -> Result<(), VerifyError> {
    let mut seen = HashSet::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        if (i == 0) != (node.op == Op::Input) || (i == 0) != (node.name == INPUT) {
            return Err(VerifyError::Input { node: node.name.clone() });
        }
        if !seen.insert(&node.name) {
            return Err(VerifyError::Duplicate { node: node.name.clone() });
        }
    }
    Ok(())
}

fn check_order(graph: &Graph) -> Result<(), VerifyError> {
    let all: HashSet<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    let mut seen = HashSet::new();
    for node in &graph.nodes {
        for input in &node.inputs {
            if !seen.contains(input.as_str()) && all.contains(input.as_str()) {
                return Err(VerifyError::Order { node: node.name.clone(), input: input.clone() });
            }
        }
        seen.insert(node.name.as_str());
    }
    Ok(())
}

fn check_quantizer(node: &str, op: &Op) -> Result<(), VerifyError> {
    let sound = |spec: &QuantSpec, is_weight: bool| (2..=8).contains(&spec.bits) && (is_weight || !spec.per_channel);
    let (spec, is_weight) = match op {
        Op::FakeQuant(spec) => (Some(spec), false),
        other => (other.weight_quant(), true),
    };
    match spec {
        Some(spec) if !sound(spec, is_weight) => {
            Err(VerifyError::Quantizer { node: node.into(), bits: spec.bits, per_channel: spec.per_channel })
        }
        _ => Ok(()),
    }
}

fn check_quantizer_values(model: &Model) -> Result<(), VerifyError> {
    for node in &model.graph.nodes {
        let (name, spec) = match &node.op {
            Op::FakeQuant(spec) => (node.param_name("scale"), Some(spec)),
            op if op.weight_quant().is_some() => (node.param_name("weight_scale"), None),
            _ => continue,
        };
        let scales = model.weights.get(&name).map_or(&[][..], |tensor| &tensor.data);
        if let Some(bad) = scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
            return Err(VerifyError::QuantizerValue { name, value: bad.to_string(), what: "scale" });
        }
        let Some(spec) = spec else { continue };
        let name = node.param_name("zero_point");
        let points = model.weights.get(&name).map_or(&[][..], |tensor| &tensor.data);
        let fits = |point: f32| point.fract() == 0.0 && point >= spec.min() as f32 && point <= spec.max() as f32;
        if let Some(bad) = points.iter().find(|point| !fits(**point)) {
            return Err(VerifyError::QuantizerValue { name, value: bad.to_string(), what: "zero point" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
