//! Shape inference: from the image's size to the size of every value.

use std::collections::HashMap;

use crate::graph::{Graph, Node};
use crate::op::{BatchNorm2d, Conv2d, Op, Pool2d};

/// Shape of one value without the batch dimension: `[C, H, W]`, `[F]` when flat, `[L, E]` for tokens.
pub type Shape = Vec<usize>;

/// The axis of a value's shape that counts its channels: features are last in tokens and first elsewhere.
pub fn channel_axis(shape: &[usize]) -> usize {
    usize::from(shape.len() == 2)
}

/// The number of channels, or of features.
pub fn channels(shape: &[usize]) -> usize {
    shape.get(channel_axis(shape)).copied().unwrap_or(0)
}

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
    /// More numbers than any machine holds.
    #[error("has a value or tensor of shape {shape:?}, which is more than {MOST_ELEMENTS} numbers")]
    Size {
        /// The shape.
        shape: Shape,
    },
    /// The window does not fit into the padded image.
    #[error("a window of {window} does not fit into {size} (with padding); the image is too small for this network")]
    Window {
        /// Size of the window along one axis.
        window: usize,
        /// Padded size of the image along that axis.
        size: usize,
    },
}

/// Numbers that no tensor and no value of one image exceeds.
const MOST_ELEMENTS: usize = 1 << 40;

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
    let sized = apply(&node.op, image, &inputs).and_then(|shape| {
        check_size(&shape)?;
        node.op.params().iter().try_for_each(|param| check_size(&param.shape))?;
        Ok(shape)
    });
    sized.map_err(|problem| ShapeError::Node { node: node.name.clone(), problem })
}

/// Everything that is counted from sizes relies on this.
fn check_size(shape: &[usize]) -> Result<(), ShapeProblem> {
    let elements = shape.iter().try_fold(1usize, |elements, length| elements.checked_mul(*length));
    match elements {
        Some(elements) if elements <= MOST_ELEMENTS => Ok(()),
        _ => Err(ShapeProblem::Size { shape: shape.to_vec() }),
    }
}

fn apply(op: &Op, image: [usize; 3], inputs: &[&Shape]) -> Result<Shape, ShapeProblem> {
    check_arity(op, inputs.len())?;
    match op {
        Op::Input => Ok(image.to_vec()),
        Op::Conv2d(conv) => conv2d(conv, inputs[0]),
        Op::BatchNorm2d(BatchNorm2d { features, .. }) | Op::ChannelAffine { features } => {
            let [c, _, _] = planes(inputs[0])?;
            check_channels(*features, c)?;
            Ok(inputs[0].clone())
        }
        Op::InputAffine { scale, shift } => {
            let [c, _, _] = planes(inputs[0])?;
            check_channels(scale.len(), c)?;
            check_channels(shift.len(), c)?;
            Ok(inputs[0].clone())
        }
        Op::Linear(linear) => {
            let (features, rows) = match inputs[0].as_slice() {
                [features] => (*features, None),
                [tokens, features] => (*features, Some(*tokens)),
                _ => return Err(ShapeProblem::Rank { expected: "[F] or [L, E]", found: inputs[0].clone() }),
            };
            check_channels(linear.in_features, features)?;
            nonzero("out_features", linear.out_features)?;
            Ok(rows.into_iter().chain([linear.out_features]).collect())
        }
        Op::MaxPool2d(window) | Op::AvgPool2d(window) => pool(window, inputs[0]),
        Op::GlobalAvgPool => {
            let [c, _, _] = planes(inputs[0])?;
            Ok(vec![c, 1, 1])
        }
        Op::AdaptiveAvgPool2d { output: [height, width] } => {
            let [c, _, _] = planes(inputs[0])?;
            nonzero("output height", *height)?;
            nonzero("output width", *width)?;
            Ok(vec![c, *height, *width])
        }
        Op::Flatten if inputs[0].len() == 2 => {
            Err(ShapeProblem::Rank { expected: "[C, H, W] or [F]", found: inputs[0].clone() })
        }
        Op::Flatten => Ok(vec![inputs[0].iter().product()]),
        Op::Dropout { p } | Op::StochasticDepth { p } if !(0.0..1.0).contains(p) => {
            Err(ShapeProblem::Attribute(format!("a {} of {p} is not in [0, 1)", op.kind())))
        }
        Op::Relu
        | Op::Relu6
        | Op::Sigmoid
        | Op::Hardsigmoid
        | Op::Hardswish
        | Op::Silu
        | Op::Gelu
        | Op::Dropout { .. }
        | Op::StochasticDepth { .. }
        | Op::FakeQuant(_) => Ok(inputs[0].clone()),
        Op::Add if inputs[0] != inputs[1] => Err(mismatch(inputs)),
        Op::Add => Ok(inputs[0].clone()),
        Op::Mul => match (inputs[0].as_slice(), inputs[1].as_slice()) {
            (left, right) if left == right => Ok(left.to_vec()),
            ([c, _, _], [gates, 1, 1]) if c == gates => Ok(inputs[0].clone()),
            _ => Err(mismatch(inputs)),
        },
        Op::Concat => concat(inputs),
        Op::Slice { start, end } => {
            let [c, h, w] = planes(inputs[0])?;
            if start >= end || *end > c {
                return Err(ShapeProblem::Attribute(format!(
                    "channels {start}..{end} are not a part of its input's {c}"
                )));
            }
            Ok(vec![end - start, h, w])
        }
        Op::ChannelShuffle { groups } => {
            let [c, _, _] = planes(inputs[0])?;
            nonzero("groups", *groups)?;
            if !c.is_multiple_of(*groups) {
                return Err(ShapeProblem::Attribute(format!("{groups} groups do not divide {c} channels")));
            }
            Ok(inputs[0].clone())
        }
        Op::Tokens => {
            let [c, h, w] = planes(inputs[0])?;
            Ok(vec![h * w, c])
        }
        Op::ClassToken { features } => {
            let [l, e] = tokens(inputs[0])?;
            check_channels(*features, e)?;
            Ok(vec![l + 1, e])
        }
        Op::PositionEmbedding { tokens: positions, features } => {
            let [l, e] = tokens(inputs[0])?;
            check_channels(*features, e)?;
            if *positions != l {
                let problem = format!("has {positions} positions for {l} tokens; it belongs to images of another size");
                return Err(ShapeProblem::Attribute(problem));
            }
            Ok(inputs[0].clone())
        }
        Op::LayerNorm(norm) => {
            let [_, e] = tokens(inputs[0])?;
            check_channels(norm.features, e)?;
            Ok(inputs[0].clone())
        }
        Op::Attention(attention) => {
            let [l, e] = tokens(inputs[0])?;
            check_channels(attention.in_features, e)?;
            nonzero("heads", attention.heads)?;
            nonzero("head_dim", attention.head_dim)?;
            Ok(vec![l, attention.out_features()])
        }
        Op::TakeToken { index } => {
            let [l, e] = tokens(inputs[0])?;
            if *index >= l {
                return Err(ShapeProblem::Attribute(format!("there is no token {index} among {l}")));
            }
            Ok(vec![e])
        }
    }
}

fn mismatch(inputs: &[&Shape]) -> ShapeProblem {
    ShapeProblem::Mismatch { left: inputs[0].clone(), right: inputs[1].clone() }
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

fn tokens(shape: &Shape) -> Result<[usize; 2], ShapeProblem> {
    shape.as_slice().try_into().map_err(|_| ShapeProblem::Rank { expected: "[L, E]", found: shape.clone() })
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
    Ok(vec![c, pooled_side(window, 0, h)?, pooled_side(window, 1, w)?])
}

/// How many windows there are along axis `i` (0 for height) of an image that is `size` long there.
pub(crate) fn pooled_side(window: &Pool2d, i: usize, size: usize) -> Result<usize, ShapeProblem> {
    nonzero("kernel", window.kernel[i])?;
    // PyTorch and ONNX Runtime both refuse windows that could lie wholly in the padding.
    if window.padding[i] * 2 > window.kernel[i] {
        let problem =
            format!("a padding of {} is more than half the window of {}", window.padding[i], window.kernel[i]);
        return Err(ShapeProblem::Attribute(problem));
    }
    let (padded, stride) = (size + 2 * window.padding[i], window.stride[i]);
    // Rounded up, even a window that is larger than the image fits once if it reaches out by less than a step.
    let beyond = if window.ceil { stride.saturating_sub(1) } else { 0 };
    if window.kernel[i] > padded + beyond {
        return Err(ShapeProblem::Window { window: window.kernel[i], size: padded });
    }
    let count = windows(padded + beyond, window.kernel[i], stride)?;
    // PyTorch drops a last window that would begin in the padding behind the image.
    let begins_behind = window.ceil && (count - 1) * stride >= size + window.padding[i];
    Ok(count - usize::from(begins_behind))
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
