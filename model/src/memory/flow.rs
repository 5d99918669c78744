//! The graph as it runs: nodes by index, the memory that each value lies in, and the width of its elements.

use std::collections::HashMap;

use super::{BF16, F32, Precision, Setting};
use crate::graph::{Graph, Node};
use crate::op::{Op, Role};
use crate::shape::{Shape, Shapes};

/// What runs, in order.
pub struct Flow<'a> {
    pub steps: Vec<Step<'a>>,
    /// Whether convolutions, linear layers and attention compute in 16 bits.
    pub half: bool,
}

/// One node as it runs.
pub struct Step<'a> {
    pub node: &'a Node,
    /// Indices of the values it reads.
    pub inputs: Vec<usize>,
    /// Shape of its value.
    pub shape: &'a Shape,
    /// Bytes of each.
    pub width: u64,
    /// The step that wrote the memory which the value lies in: itself, or the one whose value it overwrites or views.
    pub storage: usize,
    /// Whether the backward pass comes here: something trained lies here or before.
    pub learns: bool,
    /// Whether the value leaves the graph.
    pub is_output: bool,
}

impl Step<'_> {
    /// Elements of the value, for one image.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product::<usize>() as u64
    }

    /// Bytes of the value, for one image.
    pub fn bytes(&self) -> u64 {
        self.elements() * self.width
    }
}

impl<'a> Flow<'a> {
    /// All nodes for training; for inference those that the logits need. `shapes` are those of `graph`.
    pub fn new(graph: &'a Graph, setting: &Setting, shapes: &'a Shapes) -> Self {
        let half = setting.precision == Precision::Bf16 && !graph.is_quantized();
        let mut flow = Flow { steps: Vec::with_capacity(graph.nodes.len()), half };
        let runs = setting.training.is_none().then(|| graph.deployed_nodes());
        let runs = |name: &str| runs.as_ref().is_none_or(|runs| runs.contains(name));
        let readers = readers(graph);
        let mut index: HashMap<&str, usize> = HashMap::with_capacity(graph.nodes.len());
        for node in graph.nodes.iter().filter(|node| runs(&node.name)) {
            let inputs: Vec<usize> = node.inputs.iter().map(|input| index[input.as_str()]).collect();
            let alone = node.input().is_some_and(|input| readers[input] == 1 && !graph.is_output(input));
            index.insert(&node.name, flow.steps.len());
            flow.steps.push(Step {
                node,
                shape: &shapes[&node.name],
                width: flow.width(&node.op, &inputs),
                storage: flow.storage(&node.op, &inputs, alone),
                learns: learns(node, setting) || inputs.iter().any(|&input| flow.steps[input].learns),
                is_output: graph.is_output(&node.name),
                inputs,
            });
        }
        flow
    }

    /// Bytes of each value for one image; 0 where it lies in another's memory.
    pub fn own_bytes(&self) -> Vec<u64> {
        let own = |(index, step): (usize, &Step)| if step.storage == index { step.bytes() } else { 0 };
        self.steps.iter().enumerate().map(own).collect()
    }

    /// Autocast's rules: what multiplies matrices gives 16 bits, what sums over many numbers or meets fp32 tensors gives 32, and
    /// everything else gives the widest of what it reads.
    fn width(&self, op: &Op, inputs: &[usize]) -> u64 {
        let widest = inputs.iter().map(|&input| self.steps[input].width).max().unwrap_or(F32);
        match op {
            op if self.half && computes_in_half(op) => BF16,
            Op::LayerNorm(_) | Op::ChannelAffine { .. } | Op::InputAffine { .. } | Op::PositionEmbedding { .. } => F32,
            _ => widest,
        }
    }

    fn storage(&self, op: &Op, inputs: &[usize], alone: bool) -> usize {
        let own = self.steps.len();
        let [input] = inputs else { return own };
        let step = &self.steps[*input];
        let shares = match op {
            Op::Relu => alone && may_be_overwritten(&step.node.op),
            // Planes lie channels-last: making them flat is a copy unless they are single pixels.
            Op::Flatten => step.shape[1..].iter().all(|&side| side == 1),
            Op::Slice { .. } | Op::TakeToken { .. } | Op::Tokens => true,
            _ => false,
        };
        if shares { step.storage } else { own }
    }
}

/// What autocast computes in 16 bits.
pub fn computes_in_half(op: &Op) -> bool {
    matches!(op, Op::Conv2d(_) | Op::Linear(_) | Op::Attention(_))
}

/// Whether no backward pass reads the value of the op that computed it, so that its only reader may overwrite it.
fn may_be_overwritten(op: &Op) -> bool {
    matches!(op, Op::Conv2d(_) | Op::BatchNorm2d(_) | Op::Linear(_) | Op::Add)
}

fn learns(node: &Node, setting: &Setting) -> bool {
    setting.training.as_ref().is_some_and(|training| {
        node.params().any(|(name, param)| param.role == Role::Parameter && !training.frozen.contains(&name))
    })
}

/// How many nodes read each value.
fn readers(graph: &Graph) -> HashMap<&str, usize> {
    let mut readers = HashMap::with_capacity(graph.nodes.len());
    for input in graph.nodes.iter().flat_map(|node| &node.inputs) {
        *readers.entry(input.as_str()).or_default() += 1;
    }
    readers
}
