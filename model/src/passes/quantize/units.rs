//! Which nodes run as one integer kernel, and where the grid of a value comes from.

use crate::graph::{Graph, Node};
use crate::op::Op;

/// What an op does with a quantized input in ONNX Runtime's CPU kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Has an integer kernel with quantizers of its own on the output.
    Integer,
    /// Moves or compares integers without changing the grid.
    Passing,
    /// Computes in float.
    Float,
    /// Defines a grid.
    Quantizer,
    /// Belongs to transformers, which no profile knows yet.
    Unknown,
}

pub(super) fn behaviour(op: &Op) -> Behaviour {
    match op {
        Op::Conv2d(_)
        | Op::Linear(_)
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::AvgPool2d(_)
        | Op::GlobalAvgPool
        | Op::Sigmoid => Behaviour::Integer,
        Op::MaxPool2d(_)
        | Op::Flatten
        | Op::Dropout { .. }
        | Op::StochasticDepth { .. }
        | Op::Slice { .. }
        | Op::ChannelShuffle { .. } => Behaviour::Passing,
        // An activation or batch norm that belongs to a unit is absorbed by it; alone it runs in float.
        Op::Input
        | Op::BatchNorm2d(_)
        | Op::ChannelAffine { .. }
        | Op::InputAffine { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Hardsigmoid
        | Op::Hardswish
        | Op::Silu
        | Op::Gelu
        | Op::AdaptiveAvgPool2d { .. } => Behaviour::Float,
        Op::LayerNorm(_)
        | Op::Tokens
        | Op::ClassToken { .. }
        | Op::PositionEmbedding { .. }
        | Op::Attention(_)
        | Op::TakeToken { .. } => Behaviour::Unknown,
        Op::FakeQuant(_) => Behaviour::Quantizer,
    }
}

/// An integer op with what the runtime, or the folding of batch norm, melts into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The convolution, linear layer, Add, Concat or pool.
    pub head: String,
    /// The node whose value leaves the unit: the activation, the batch norm, or the head itself.
    pub tail: String,
    /// All nodes of the unit, head first.
    pub nodes: Vec<String>,
}

/// The units of a graph, folded or not, in graph order.
pub fn integer_units(graph: &Graph) -> Vec<Unit> {
    let heads = graph.nodes.iter().filter(|node| behaviour(&node.op) == Behaviour::Integer);
    heads.map(|head| unit(graph, head)).collect()
}

fn unit(graph: &Graph, head: &Node) -> Unit {
    let mut nodes = vec![head.name.clone()];
    let mut tail = head.name.clone();
    let mut absorb = |accept: fn(&Op) -> bool| -> bool {
        let path = path_to(graph, &tail, accept);
        if let Some(last) = path.last() {
            tail.clone_from(last);
        }
        nodes.extend_from_slice(&path);
        !path.is_empty()
    };
    if matches!(head.op, Op::Conv2d(_)) {
        while absorb(|op| matches!(op, Op::BatchNorm2d(_))) {}
    }
    absorb(|op| matches!(op, Op::Relu | Op::Relu6));
    Unit { head: head.name.clone(), tail, nodes }
}

/// The nodes from `name`, left out, to an op that is accepted, when each is the only reader of the one before; dropout may
/// lie between. Empty if there is no such path.
fn path_to(graph: &Graph, name: &str, accept: fn(&Op) -> bool) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = name;
    while let Some(next) = graph.only_consumer(at) {
        path.push(next.name.clone());
        at = &next.name;
        if accept(&next.op) {
            return path;
        }
        if !matches!(next.op, Op::Dropout { .. } | Op::StochasticDepth { .. }) {
            break;
        }
    }
    Vec::new()
}

/// The `FakeQuant` node whose grid the value of `name` lies on: itself, or the one found through ops that move values
/// unchanged (max-pool, flatten, dropout).
pub fn activation_source<'a>(graph: &'a Graph, name: &str) -> Option<&'a Node> {
    let node = graph.node(name)?;
    match behaviour(&node.op) {
        Behaviour::Quantizer => Some(node),
        Behaviour::Passing => activation_source(graph, node.input()?),
        Behaviour::Integer | Behaviour::Float | Behaviour::Unknown => None,
    }
}

/// Whether an integer op reads the value of `name`, directly or through ops that move values unchanged.
pub(super) fn feeds_integer(graph: &Graph, name: &str) -> bool {
    graph.consumers(name).any(|reader| match behaviour(&reader.op) {
        Behaviour::Integer => true,
        Behaviour::Passing => feeds_integer(graph, &reader.name),
        Behaviour::Float | Behaviour::Quantizer | Behaviour::Unknown => false,
    })
}

/// Whether the logits are the value of `name`, directly or through ops that move values unchanged.
pub(super) fn is_logits(graph: &Graph, name: &str) -> bool {
    let passing = |reader: &&Node| behaviour(&reader.op) == Behaviour::Passing;
    graph.output == name || graph.consumers(name).filter(passing).any(|reader| is_logits(graph, &reader.name))
}
