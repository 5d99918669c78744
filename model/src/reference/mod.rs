//! A slow, plain interpreter of graphs: what every faster way of running one must agree with.
//!
//! It computes the evaluation-mode forward pass with loops that mirror the definitions and sums in f64, so tests can hold
//! passes, the ONNX export and the libtorch lowering against it. A graph with quantizers runs as it is deployed: batch norm
//! folded, weights and biases with the values that their integers stand for. Nothing but
//! tests and diagnostics should use it: ResNet-18 on one image takes seconds.

mod activation;
mod kernels;
mod pool;
#[cfg(test)]
pub(crate) mod testing;
mod tokens;

use std::collections::HashMap;

use crate::graph::Node;
use crate::model::Model;
use crate::op::{Op, QuantSpec};
use crate::passes::quantize::{self, QuantizeError};
use crate::tensor::{MissingTensor, Tensor, Weights};

/// Every node's value by name; `[N, …]` each.
pub type Values = HashMap<String, Tensor>;

/// The logits `[N, classes]` for a batch `[N, C, H, W]`. The model must be verified and of the batch's size.
pub fn logits(model: &Model, batch: &Tensor) -> Result<Tensor, QuantizeError> {
    let mut values = values(model, batch)?;
    values.remove(&model.graph.output).ok_or_else(|| MissingTensor(model.graph.output.clone()).into())
}

/// The values of all nodes that the logits need for a batch `[N, C, H, W]`. The model must be verified and of the batch's size.
pub fn values(model: &Model, batch: &Tensor) -> Result<Values, QuantizeError> {
    values_over(model, batch, &Kept::new())
}

/// Features, by node, that a layer norm takes its mean and variance over; all where the node is not named.
type Kept = HashMap<String, Vec<usize>>;

/// [`logits`], with layer norms that look at some features only, as they will when the others are pruned.
#[cfg(test)]
pub(crate) fn logits_over(model: &Model, batch: &Tensor, kept: &Kept) -> Result<Tensor, QuantizeError> {
    let mut values = values_over(model, batch, kept)?;
    values.remove(&model.graph.output).ok_or_else(|| MissingTensor(model.graph.output.clone()).into())
}

fn values_over(model: &Model, batch: &Tensor, kept: &Kept) -> Result<Values, QuantizeError> {
    let deployed;
    let model = if model.graph.is_quantized() {
        deployed = quantize::as_deployed(model)?;
        &deployed
    } else {
        model
    };
    let mut values = Values::new();
    let deployed = model.graph.deployed_nodes();
    for node in model.graph.nodes.iter().filter(|node| deployed.contains(node.name.as_str())) {
        let value = {
            let inputs: Vec<&Tensor> = node
                .inputs
                .iter()
                .map(|input| values.get(input).ok_or_else(|| MissingTensor(input.clone())))
                .collect::<Result<_, _>>()?;
            evaluate(node, &model.weights, batch, &inputs, kept)?
        };
        values.insert(node.name.clone(), value);
    }
    Ok(values)
}

fn evaluate(
    node: &Node,
    weights: &Weights,
    batch: &Tensor,
    inputs: &[&Tensor],
    kept: &Kept,
) -> Result<Tensor, MissingTensor> {
    let param = |name: &str| weights.get(&node.param_name(name));
    let bias = || param("bias").ok().map(|bias| bias.data.as_slice());
    Ok(match &node.op {
        Op::Input => batch.clone(),
        Op::Conv2d(conv) => kernels::conv2d(conv, inputs[0], param("weight")?, bias()),
        Op::Linear(_) => kernels::linear(inputs[0], param("weight")?, bias()),
        Op::BatchNorm2d(norm) => {
            let [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(param);
            kernels::batch_norm(inputs[0], norm.eps, [&gamma?.data, &beta?.data, &mean?.data, &variance?.data])
        }
        Op::ChannelAffine { .. } => {
            kernels::channel_affine(inputs[0], &wide(&param("weight")?.data), &wide(&param("bias")?.data))
        }
        Op::InputAffine { scale, shift } => kernels::channel_affine(inputs[0], scale, shift),
        Op::LayerNorm(norm) => {
            let all = (0..norm.features).collect();
            let over = kept.get(&node.name).unwrap_or(&all);
            tokens::layer_norm(inputs[0], norm.eps, param("weight")?, param("bias")?, over)
        }
        Op::Relu => kernels::map(inputs[0], |x| x.max(0.0)),
        Op::Relu6 => kernels::map(inputs[0], |x| x.clamp(0.0, 6.0)),
        Op::Sigmoid => kernels::map_wide(inputs[0], activation::sigmoid),
        Op::Hardsigmoid => kernels::map_wide(inputs[0], activation::hardsigmoid),
        Op::Hardswish => kernels::map_wide(inputs[0], |x| x * activation::hardsigmoid(x)),
        Op::Silu => kernels::map_wide(inputs[0], |x| x * activation::sigmoid(x)),
        Op::Gelu => kernels::map_wide(inputs[0], activation::gelu),
        Op::MaxPool2d(pool) => pool::max_pool(pool, inputs[0]),
        Op::AvgPool2d(pool) => pool::avg_pool(pool, inputs[0]),
        Op::GlobalAvgPool => pool::adaptive_avg_pool([1, 1], inputs[0]),
        Op::AdaptiveAvgPool2d { output } => pool::adaptive_avg_pool(*output, inputs[0]),
        Op::Flatten => {
            let n = inputs[0].shape[0];
            Tensor::new([n, inputs[0].elements() / n.max(1)], inputs[0].data.clone())
        }
        Op::Dropout { .. } | Op::StochasticDepth { .. } => inputs[0].clone(),
        Op::Add => kernels::add(inputs[0], inputs[1]),
        Op::Mul => kernels::mul(inputs[0], inputs[1]),
        Op::Concat => kernels::concat(inputs),
        Op::Slice { start, end } => kernels::pick_channels(inputs[0], (*start..*end).collect()),
        Op::ChannelShuffle { groups } => {
            let each = inputs[0].shape[1] / groups;
            let source = |place: usize| place % groups * each + place / groups;
            kernels::pick_channels(inputs[0], (0..inputs[0].shape[1]).map(source).collect())
        }
        Op::Tokens => tokens::tokens(inputs[0]),
        Op::ClassToken { .. } => tokens::prepend(inputs[0], param("")?),
        Op::PositionEmbedding { .. } => tokens::add_to_each(inputs[0], param("")?),
        Op::Attention(attention) => {
            tokens::attention(attention, inputs[0], param("in_proj_weight")?, param("in_proj_bias")?)
        }
        Op::TakeToken { index } => tokens::take(inputs[0], *index),
        Op::FakeQuant(spec) => fake_quant(spec, inputs[0], param("scale")?.data[0], param("zero_point")?.data[0]),
    })
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn fake_quant(spec: &QuantSpec, x: &Tensor, scale: f32, zero_point: f32) -> Tensor {
    let zero_point = zero_point as i32;
    kernels::map(x, |x| QuantSpec::dequantize(spec.quantize(x, scale, zero_point), scale, zero_point))
}
