//! Shape inference: from the image's size to the size of every value.

use std::collections::HashMap;

use crate::graph::{Graph, Node};
use crate::op::{Conv2d, Op, Pool2d};

/// Shape of one value without the batch dimension: `[C, H, W]`, or `[F]` when flat.
pub type Shape = Vec<usize>;

/// Shapes by node name.
pub type Shapes = HashMap<String, Shape>;

/// Why an op cannot be applied to inputs of these shapes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeProblem {
    /// Wrong number of inputs.
    #[error("{kind} takes {expected} input(s), but has {found}")]
    Arity {
        /// The op.
        kind: &'static str,
        /// How many it takes.
        expected: String,
        /// How many the node has.
        found: usize,
    },
    /// Wrong number of axes.
    #[error("expects an input of shape {expected}, but gets {found:?}")]
    Rank {
        /// In letters: `[C, H, W]`.
        expected: &'static str,
        /// The input's shape.
        found: Shape,
    },
    /// The attribute and the input disagree about the channels.
    #[error("expects {expected} input channels, but gets {found}")]
    Channels {
        /// The attribute.
        expected: usize,
        /// The input's.
        found: usize,
    },
    /// Inputs that must agree do not.
    #[error("its inputs have shapes that do not fit together: {left:?} and {right:?}")]
    Mismatch {
        /// The first input's shape.
        left: Shape,
        /// The other's.
        right: Shape,
    },
    /// An attribute that no input could satisfy.
    #[error("{0}")]
    Attribute(String),
    /// The window does not fit into the padded image.
    #[error("a window of {window} does not fit into {size} (with padding); the image is too small for this network")]
    Window {
        /// Size of the window along one axis.
        window: usize,
        /// Padded size of the image along that axis.
        size: usize,
    },
}

/// A problem, with the node that has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The node reads something that no earlier node computes.
    #[error("node {node:?} reads {input:?}, which no earlier node computes")]
    UnknownInput {
        /// The reader.
        node: String,
        /// What it reads.
        input: String,
    },
    /// The op does not fit its inputs.
    #[error("node {node:?}: {problem}")]
    Node {
        /// The node.
        node: String,
        /// What is wrong with it.
        problem: ShapeProblem,
    },
}

/// The shape of every value of the graph.
pub fn infer(graph: &Graph) -> Result<Shapes, ShapeError> {
    let mut shapes = Shapes::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let shape = infer_node(node, graph.input, &shapes)?;
        shapes.insert(node.name.clone(), shape);
    }
    Ok(shapes)
}

/// The shape of one node's value, given those of the earlier ones.
pub(crate) fn infer_node(node: &Node, image: [usize; 3], shapes: &Shapes) -> Result<Shape, ShapeError> {
    let lookup = |input: &String| {
        let unknown = || ShapeError::UnknownInput { node: node.name.clone(), input: input.clone() };
        shapes.get(input).ok_or_else(unknown)
    };
    let inputs: Vec<&Shape> = node.inputs.iter().map(lookup).collect::<Result<_, _>>()?;
    apply(&node.op, image, &inputs).map_err(|problem| ShapeError::Node { node: node.name.clone(), problem })
}

fn apply(op: &Op, image: [usize; 3], inputs: &[&Shape]) -> Result<Shape, ShapeProblem> {
    check_arity(op, inputs.len())?;
    match op {
        Op::Input => Ok(image.to_vec()),
        Op::Conv2d(conv) => conv2d(conv, inputs[0]),
        Op::BatchNorm2d(norm) => {
            let [c, _, _] = planes(inputs[0])?;
            check_channels(norm.features, c)?;
            Ok(inputs[0].clone())
        }
        Op::Linear(linear) => match inputs[0].as_slice() {
            [features] => {
                check_channels(linear.in_features, *features)?;
                nonzero("out_features", linear.out_features)?;
                Ok(vec![linear.out_features])
            }
            _ => Err(ShapeProblem::Rank { expected: "[F]", found: inputs[0].clone() }),
        },
        Op::MaxPool2d(window) | Op::AvgPool2d(window) => pool(window, inputs[0]),
        Op::GlobalAvgPool => {
            let [c, _, _] = planes(inputs[0])?;
            Ok(vec![c, 1, 1])
        }
        Op::Flatten => Ok(vec![inputs[0].iter().product()]),
        Op::Dropout { p } if !(0.0..1.0).contains(p) => {
            Err(ShapeProblem::Attribute(format!("a dropout of {p} is not in [0, 1)")))
        }
        Op::Relu | Op::Relu6 | Op::Dropout { .. } | Op::FakeQuant(_) => Ok(inputs[0].clone()),
        Op::Add if inputs[0] != inputs[1] => {
            Err(ShapeProblem::Mismatch { left: inputs[0].clone(), right: inputs[1].clone() })
        }
        Op::Add => Ok(inputs[0].clone()),
        Op::Concat => concat(inputs),
    }
}

fn check_arity(op: &Op, found: usize) -> Result<(), ShapeProblem> {
    let (least, most) = op.arity();
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let expected = if most == usize::MAX { format!("at least {least}") } else { least.to_string() };
    Err(ShapeProblem::Arity { kind: op.kind(), expected, found })
}

fn planes(shape: &Shape) -> Result<[usize; 3], ShapeProblem> {
    shape.as_slice().try_into().map_err(|_| ShapeProblem::Rank { expected: "[C, H, W]", found: shape.clone() })
}

fn check_channels(expected: usize, found: usize) -> Result<(), ShapeProblem> {
    if expected == found { Ok(()) } else { Err(ShapeProblem::Channels { expected, found }) }
}

fn nonzero(what: &str, value: usize) -> Result<(), ShapeProblem> {
    if value == 0 { Err(ShapeProblem::Attribute(format!("{what} is 0"))) } else { Ok(()) }
}

fn conv2d(conv: &Conv2d, input: &Shape) -> Result<Shape, ShapeProblem> {
    let [c, h, w] = planes(input)?;
    check_channels(conv.in_channels, c)?;
    nonzero("out_channels", conv.out_channels)?;
    nonzero("groups", conv.groups)?;
    if !conv.in_channels.is_multiple_of(conv.groups) || !conv.out_channels.is_multiple_of(conv.groups) {
        return Err(ShapeProblem::Attribute(format!(
            "{} groups do not divide {} input and {} output channels",
            conv.groups, conv.in_channels, conv.out_channels
        )));
    }
    let side = |i: usize, size: usize| {
        nonzero("kernel", conv.kernel[i])?;
        nonzero("dilation", conv.dilation[i])?;
        windows(size + 2 * conv.padding[i], conv.dilation[i] * (conv.kernel[i] - 1) + 1, conv.stride[i])
    };
    Ok(vec![conv.out_channels, side(0, h)?, side(1, w)?])
}

fn pool(window: &Pool2d, input: &Shape) -> Result<Shape, ShapeProblem> {
    let [c, h, w] = planes(input)?;
    let side = |i: usize, size: usize| {
        nonzero("kernel", window.kernel[i])?;
        // PyTorch and ONNX Runtime both refuse windows that could lie wholly in the padding.
        if window.padding[i] * 2 > window.kernel[i] {
            let problem =
                format!("a padding of {} is more than half the window of {}", window.padding[i], window.kernel[i]);
            return Err(ShapeProblem::Attribute(problem));
        }
        windows(size + 2 * window.padding[i], window.kernel[i], window.stride[i])
    };
    Ok(vec![c, side(0, h)?, side(1, w)?])
}

/// How often a window fits along one axis, rounding down.
fn windows(size: usize, window: usize, stride: usize) -> Result<usize, ShapeProblem> {
    nonzero("stride", stride)?;
    if window > size {
        return Err(ShapeProblem::Window { window, size });
    }
    Ok((size - window) / stride + 1)
}

fn concat(inputs: &[&Shape]) -> Result<Shape, ShapeProblem> {
    let mut joined = inputs[0].clone();
    for other in &inputs[1..] {
        if other.len() != joined.len() || other[1..] != joined[1..] {
            return Err(ShapeProblem::Mismatch { left: inputs[0].clone(), right: (*other).clone() });
        }
        joined[0] += other[0];
    }
    Ok(joined)
}

#[cfg(test)]
mod tests;
