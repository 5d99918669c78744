//! Cutting channels out of a model.

use std::collections::HashSet;

use super::index_map::{self, Kept, gather};
use super::{PruneError, dependency};
use crate::graph::Node;
use crate::model::Model;
use crate::op::{Conv2d, Op};
use crate::tensor::Weights;
use crate::verify;

/// The model without the channels of these ids (see [`super::Channel::id`]): a smaller graph, with the weights that are left.
/// If the removed channels were zero everywhere, the logits are unchanged.
pub fn remove_channels(model: &Model, ids: impl IntoIterator<Item = usize>) -> Result<Model, PruneError> {
    let dependencies = dependency::trace(&model.graph)?;
    let mut removed: HashSet<usize> = ids.into_iter().collect();
    dependencies.frozen.iter().for_each(|id| {
        removed.remove(id);
    });
    let kept = index_map::kept(&dependencies, &removed);
    if let Some(node) = model.graph.nodes.iter().find(|node| kept[&node.name].is_empty()) {
        return Err(PruneError::Empty { node: node.name.clone() });
    }
    let mut pruned = model.clone();
    for node in &mut pruned.graph.nodes {
        shrink(node, &kept, &mut pruned.weights)?;
    }
    verify::model(&pruned).map_err(PruneError::After)?;
    Ok(pruned)
}

/// Adjusts a node's attributes and tensors to what is kept of its input and output.
fn shrink(node: &mut Node, kept: &Kept, weights: &mut Weights) -> Result<(), PruneError> {
    let output = &kept[&node.name];
    let name = node.name.clone();
    match &mut node.op {
        Op::Conv2d(conv) => {
            let input = &kept[&node.inputs[0]];
            keep(weights, &format!("{name}.weight"), 1, &weight_columns(conv, input))?;
            keep_outputs(weights, &name, &["weight", "bias", "weight_scale"], conv.out_channels, output)?;
            if conv.in_channels == conv.groups {
                conv.groups = input.len();
            }
            (conv.in_channels, conv.out_channels) = (input.len(), output.len());
        }
        Op::Linear(linear) => {
            let input = &kept[&node.inputs[0]];
            keep(weights, &format!("{name}.weight"), 1, input)?;
            keep_outputs(weights, &name, &["weight", "bias", "weight_scale"], linear.out_features, output)?;
            (linear.in_features, linear.out_features) = (input.len(), output.len());
        }
        Op::BatchNorm2d(norm) => {
            let params = ["weight", "bias", "running_mean", "running_var"];
            keep_outputs(weights, &name, &params, norm.features, output)?;
            norm.features = output.len();
        }
        Op::ChannelAffine { features } => {
            keep_outputs(weights, &name, &["weight", "bias"], *features, output)?;
            *features = output.len();
        }
        Op::LayerNorm(norm) => {
            keep_outputs(weights, &name, &["weight", "bias"], norm.features, output)?;
            norm.features = output.len();
        }
        Op::Attention(attention) => {
            let input = &kept[&node.inputs[0]];
            let out = attention.out_features();
            let rows: Vec<usize> = (0..3).flat_map(|part| output.iter().map(move |index| part * out + index)).collect();
            keep(weights, &format!("{name}.in_proj_weight"), 1, input)?;
            keep(weights, &format!("{name}.in_proj_weight"), 0, &rows)?;
            keep(weights, &format!("{name}.in_proj_bias"), 0, &rows)?;
            attention.in_features = input.len();
            attention.heads = output.len() / attention.head_dim;
        }
        Op::ClassToken { features } | Op::PositionEmbedding { features, .. } => {
            keep(weights, &name, 2, output)?;
            *features = output.len();
        }
        Op::Slice { start, end } => {
            let input = &kept[&node.inputs[0]];
            let before = |place: usize| input.iter().filter(|index| **index < place).count();
            (*start, *end) = (before(*start), before(*end));
        }
        // No tensor or attribute of these has a channel axis; the image's channels, which InputAffine knows, all stay.
        Op::Input
        | Op::InputAffine { .. }
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
        | Op::Flatten
        | Op::Dropout { .. }
        | Op::StochasticDepth { .. }
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::ChannelShuffle { .. }
        | Op::Tokens
        | Op::TakeToken { .. }
        | Op::FakeQuant(_) => {}
    }
    Ok(())
}

/// The columns of a convolution's weights, `C / groups` of them, that stay. Coupling makes them the same in every group.
fn weight_columns(conv: &Conv2d, input: &[usize]) -> Vec<usize> {
    let group = conv.in_channels / conv.groups;
    if group == 1 {
        return vec![0];
    }
    input.iter().copied().filter(|index| *index < group).collect()
}

fn keep(weights: &mut Weights, name: &str, axis: usize, indices: &[usize]) -> Result<(), PruneError> {
    let tensor = weights.get_mut(name)?;
    *tensor = gather(tensor, axis, indices);
    Ok(())
}

/// Keeps rows of those parameters that exist and have one for each of `channels`; a scale for the whole tensor has none.
fn keep_outputs(
    weights: &mut Weights,
    node: &str,
    params: &[&str],
    channels: usize,
    indices: &[usize],
) -> Result<(), PruneError> {
    for param in params {
        let name = format!("{node}.{param}");
        if weights.get(&name).is_ok_and(|tensor| tensor.shape[0] == channels) {
            keep(weights, &name, 0, indices)?;
        }
    }
    Ok(())
}
