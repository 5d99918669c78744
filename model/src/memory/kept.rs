//! What training keeps of a forward pass until the backward pass has read it.
//!
//! The rules are those of libtorch's derivatives (`tools/autograd/derivatives.yaml`), checked by counting what
//! `torch.autograd.graph.saved_tensors_hooks` sees.

use super::flow::{Flow, Step, computes_in_half};
use super::{BF16, F32};
use crate::op::Op;

/// Positions of maxima are i64.
const POSITION: u64 = 8;

/// What the backward pass of an op reads, besides weights and a few numbers per channel.
#[derive(Default)]
struct Reads {
    inputs: bool,
    output: bool,
    /// Bytes for each element of the output, in tensors that are no node's value.
    beside: u64,
}

/// Bytes that each step adds to what is kept for one image: its own value if any backward pass reads it, and what its own op
/// puts aside.
pub fn bytes(flow: &Flow) -> Vec<u64> {
    let mut kept = vec![0; flow.steps.len()];
    let mut is_kept = vec![false; flow.steps.len()];
    for (index, step) in flow.steps.iter().enumerate().filter(|(_, step)| step.learns) {
        let reads = reads(step);
        kept[index] += reads.beside * step.elements();
        is_kept[step.storage] |= reads.output;
        for &input in step.inputs.iter().filter(|_| reads.inputs) {
            let input = &flow.steps[input];
            if flow.half && computes_in_half(&step.node.op) && input.width == F32 {
                kept[index] += BF16 * input.elements();
            } else {
                is_kept[input.storage] = true;
            }
        }
        if step.is_output {
            // The loss keeps the logarithms of the probabilities, in fp32.
            kept[index] += F32 * step.elements();
        }
    }
    for (index, step) in flow.steps.iter().enumerate().filter(|(index, _)| is_kept[*index]) {
        kept[index] += step.bytes();
    }
    kept
}

fn reads(step: &Step) -> Reads {
    let inputs = Reads { inputs: true, ..Reads::default() };
    let output = Reads { output: true, ..Reads::default() };
    match &step.node.op {
        Op::Conv2d(_)
        | Op::Linear(_)
        | Op::BatchNorm2d(_)
        | Op::ChannelAffine { .. }
        | Op::LayerNorm(_)
        | Op::AvgPool2d(_)
        | Op::AdaptiveAvgPool2d { .. }
        | Op::Relu6
        | Op::Hardsigmoid
        | Op::Hardswish
        | Op::Silu
        | Op::Gelu
        | Op::Mul => inputs,
        Op::MaxPool2d(_) => Reads { beside: POSITION, ..inputs },
        Op::Relu | Op::Sigmoid => output,
        // Queries, keys and values; the heads' outputs.
        Op::Attention(_) => Reads { inputs: true, output: true, beside: 3 * step.width },
        // The mask, multiplied out.
        Op::Dropout { .. } => Reads { beside: step.width, ..Reads::default() },
        // One byte: whether the value was inside the range.
        Op::FakeQuant(_) => Reads { beside: 1, ..Reads::default() },
        Op::Input
        | Op::InputAffine { .. }
        | Op::GlobalAvgPool
        | Op::Flatten
        | Op::StochasticDepth { .. }
        | Op::Add
        | Op::Concat
        | Op::Slice { .. }
        | Op::ChannelShuffle { .. }
        | Op::Tokens
        | Op::ClassToken { .. }
        | Op::PositionEmbedding { .. }
        | Op::TakeToken { .. } => Reads::default(),
    }
}
