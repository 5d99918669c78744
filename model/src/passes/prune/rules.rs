//! How channels pass through each op.
//!
//! A value with `C` channels (or features) has `C` slots. A rule makes the slots of an op's output from those of its inputs and
//! says which slots must be kept or removed together.

use super::dependency::{Coupling, Slot};
use crate::op::{Conv2d, Op};

/// The slots of the op's output. `channels` is how many the output has.
pub(super) fn output_slots(op: &Op, inputs: &[&[Slot]], channels: usize, coupling: &mut Coupling) -> Vec<Slot> {
    match op {
        // The image's channels are not ours to remove.
        Op::Input => {
            let slots = coupling.fresh(channels);
            for slot in &slots {
                coupling.freeze(*slot);
            }
            slots
        }
        Op::Conv2d(conv) => conv_slots(conv, inputs[0], coupling),
        Op::Linear(_) => coupling.fresh(channels),
        // Heads go as a whole.
        Op::Attention(attention) => {
            let output = coupling.fresh(channels);
            for head in output.chunks(attention.head_dim) {
                for slot in head {
                    coupling.join(*slot, head[0]);
                }
            }
            output
        }
        Op::BatchNorm2d(_)
        | Op::ChannelAffine { .. }
        | Op::InputAffine { .. }
        | Op::LayerNorm(_)
        | Op::Relu
        | Op::Relu6
        | Op::Sigmoid
        | Op::Hardsigmoid
        | Op::Hardswish
        | Op::Silu
        | Op::Gelu
        | Op::MaxPool2d(_)
        | Op::AvgPool2d(_)
        | Op::GlobalAvgPool
        | Op::AdaptiveAvgPool2d { .. }
        | Op::Dropout { .. }
        | Op::StochasticDepth { .. }
        | Op::Tokens
        | Op::ClassToken { .. }
        | Op::PositionEmbedding { .. }
        | Op::TakeToken { .. }
        | Op::FakeQuant(_) => inputs[0].to_vec(),
        // Each channel becomes its H·W features, in that order.
        Op::Flatten => {
            let area = channels / inputs[0].len().max(1);
            inputs[0].iter().flat_map(|slot| std::iter::repeat_n(*slot, area)).collect()
        }
        Op::Add | Op::Mul => {
            inputs[0].iter().zip(inputs[1]).for_each(|(left, right)| coupling.join(*left, *right));
            inputs[0].to_vec()
        }
        Op::Concat => inputs.concat(),
        Op::Slice { start, end } => inputs[0][*start..*end].to_vec(),
        // The groups must keep equally many channels, and the same ones, or the order behind would be another.
        Op::ChannelShuffle { groups } => {
            let each = channels / groups;
            couple_groups(inputs[0], each, coupling);
            (0..channels).map(|place| inputs[0][place % groups * each + place / groups]).collect()
        }
    }
}

/// A plain convolution makes new channels. In a grouped one, all groups must keep equally many channels, which is ensured by
/// coupling the same index in every group, on both sides. Where a group has one input channel (depthwise), the group goes
/// with its channel.
fn conv_slots(conv: &Conv2d, input: &[Slot], coupling: &mut Coupling) -> Vec<Slot> {
    let output = coupling.fresh(conv.out_channels);
    if conv.groups > 1 {
        let group_in = conv.in_channels / conv.groups;
        let group_out = conv.out_channels / conv.groups;
        if group_in == 1 {
            output.iter().enumerate().for_each(|(o, slot)| coupling.join(*slot, input[o / group_out]));
        } else {
            couple_groups(input, group_in, coupling);
            couple_groups(&output, group_out, coupling);
        }
    }
    output
}

fn couple_groups(slots: &[Slot], size: usize, coupling: &mut Coupling) {
    for (i, slot) in slots.iter().enumerate().skip(size) {
        coupling.join(*slot, slots[i % size]);
    }
}
