//! How much memory a job will need, before anything is loaded.
//!
//! The prediction counts what the engine keeps: weights, gradients, optimizer state, and the activations that the backward
//! pass reads again. It leaves out what belongs to the device and not to the network (the CUDA context, cuDNN's workspaces,
//! libtorch itself); measured peaks of finished jobs correct it.

use crate::graph::{Graph, Node};
use crate::op::{Op, Role};
use crate::shape::{self, ShapeError, Shapes};

const F32: u64 = 4;

/// Predicted bytes, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Parameters, buffers and quantizers.
    pub weights: u64,
    /// One gradient per parameter; 0 for inference.
    pub gradients: u64,
    /// `optimizer_slots` numbers per parameter: 1 for SGD with momentum, 2 for Adam; 0 for inference.
    pub optimizer: u64,
    /// Training: all values kept for the backward pass. Inference: the most that is alive at once.
    pub activations: u64,
    /// What one op holds besides while it runs: the gradients of its output and input, or a reordered copy.
    pub workspace: u64,
}

impl Memory {
    /// The sum, in bytes.
    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.optimizer + self.activations + self.workspace
    }
}

/// Predicts the memory of a job on this graph at this batch size, in f32.
pub fn predict(graph: &Graph, batch: usize, optimizer_slots: usize, training: bool) -> Result<Memory, ShapeError> {
    let shapes = shape::infer(graph)?;
    let elements = |wanted: &dyn Fn(Role) -> bool| -> u64 {
        graph.params().filter(|(_, param)| wanted(param.role)).map(|(_, param)| param.elements() as u64).sum()
    };
    let parameters = elements(&|role| role == Role::Parameter);
    let largest = shapes.values().map(|shape| shape.iter().product::<usize>() as u64).max().unwrap_or(0);
    let batch = batch as u64;
    let kept = if training {
        graph.nodes.iter().map(|node| kept_for_backward(node, &shapes)).sum()
    } else {
        most_alive(graph, &shapes)
    };
    let if_training = |bytes| if training { bytes } else { 0 };
    Ok(Memory {
        weights: elements(&|_| true) * F32,
        gradients: if_training(parameters * F32),
        optimizer: if_training(parameters * F32 * optimizer_slots as u64),
        activations: kept * batch,
        workspace: largest * batch * F32 * if training { 2 } else { 1 },
    })
}

fn value_bytes(name: &str, shapes: &Shapes) -> u64 {
    shapes[name].iter().product::<usize>() as u64 * F32
}

/// Bytes per image that a node adds to what training keeps: its value, unless it overwrites or views its input's, and masks.
fn kept_for_backward(node: &Node, shapes: &Shapes) -> u64 {
    let value = value_bytes(&node.name, shapes);
    match &node.op {
        // In place, or a view.
        Op::Relu | Op::Relu6 | Op::Flatten | Op::Slice { .. } | Op::TakeToken { .. } => 0,
        // The value, and the position of each maximum as i64.
        Op::MaxPool2d(_) => 3 * value,
        // The value, and a mask of one byte per element.
        Op::Dropout { .. } | Op::FakeQuant(_) => value + value / F32,
        // The value; queries, keys and values; the softmax's sums are small.
        Op::Attention(_) => 4 * value,
        Op::Input
        | Op::Conv2d(_)
        | Op::BatchNorm2d(_)
        | Op::ChannelAffine { .. }
        | Op::InputAffine { .. }
        | Op::LayerNorm(_)
        | Op::Sigmoid
        | Op::Hardsigmoid
        | Op::Hardswish
        | Op::Silu
        | Op::Gelu
        | Op::Linear(_)
        | Op::AvgPool2d(_)
        | Op::GlobalAvgPool
        | Op::AdaptiveAvgPool2d { .. }
        | Op::StochasticDepth { .. }
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::ChannelShuffle { .. }
        | Op::Tokens
        | Op::ClassToken { .. }
        | Op::PositionEmbedding { .. } => value,
    }
}

/// The largest sum of values, in bytes per image, that exist at the same time when each is freed after its last reader.
fn most_alive(graph: &Graph, shapes: &Shapes) -> u64 {
    let last_use = |name: &str| {
        let end = graph.nodes.len();
        let reader = graph.nodes.iter().rposition(|node| node.inputs.iter().any(|input| input == name));
        if graph.output == name { end } else { reader.unwrap_or(0) }
    };
    let lifetimes: Vec<(usize, usize, u64)> = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(born, node)| (born, last_use(&node.name).max(born), value_bytes(&node.name, shapes)))
        .collect();
    let alive_at = |now: usize| lifetimes.iter().filter(move |(born, last, _)| (*born..=*last).contains(&now));
    (0..graph.nodes.len()).map(|now| alive_at(now).map(|(_, _, bytes)| bytes).sum()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, INPUT};
    use crate::op::Op;

    /// conv (2×4×4) → bn → relu → flatten → linear on a 1×4×4 image.
    fn graph() -> Graph {
        let mut b = GraphBuilder::new("hand", [1, 4, 4], 3);
        let x = b.conv("conv", INPUT, 2, 3, 1);
        let x = b.batch_norm("bn", &x);
        let x = b.relu("relu", &x);
        let x = b.push("flatten", Op::Flatten, &[&x]);
        let x = b.linear("fc", &x, 3);
        b.finish(&x).unwrap()
    }

    #[test]
    fn training_memory_is_counted_by_hand() {
        let memory = predict(&graph(), 10, 1, true).unwrap();
        let parameters = 18 + 4 + (32 * 3 + 3);
        assert_eq!(memory.weights, (parameters + 4) * 4);
        assert_eq!(memory.gradients, parameters * 4);
        assert_eq!(memory.optimizer, parameters * 4);
        // Image 16, conv 32, bn 32 (relu in place, flatten a view), logits 3.
        assert_eq!(memory.activations, (16 + 32 + 32 + 3) * 4 * 10);
        assert_eq!(memory.workspace, 2 * 32 * 4 * 10);
        assert_eq!(
            memory.total(),
            memory.weights + memory.gradients + memory.optimizer + memory.activations + memory.workspace
        );
    }

    #[test]
    fn inference_keeps_two_neighbours_alive() {
        let memory = predict(&graph(), 1, 2, false).unwrap();
        assert_eq!((memory.gradients, memory.optimizer), (0, 0));
        assert_eq!(memory.activations, (32 + 32) * 4);
    }
}
