//! Scales of the weights.

use super::{QuantizeError, activation_source};
use crate::graph::Node;
use crate::model::Model;
use crate::op::QuantSpec;
use crate::passes::pipeline;
use crate::tensor::{MissingTensor, Tensor};

/// Smallest scale of a weight, for output channels whose weights are all zero.
const MIN_SCALE: f32 = 1e-8;

/// Largest bias in steps of `s_x · s_w`: a quarter of the int32 range, so that the accumulator has room for the sum too.
pub(super) const MAX_BIAS_STEPS: f64 = (1u32 << 30) as f64;

/// Sets the scale of every quantized weight to the largest absolute value of its output channel over 127 (min-max), then
/// enlarges it where the bias needs it ([`fit_bias_range`]). Call it after the activations are calibrated.
///
/// In a graph whose batch norm is not folded, the scales are those of the weights as they will be folded.
pub fn fit_weight_scales(model: &mut Model) -> Result<(), QuantizeError> {
    let deployed = pipeline::deploy(model)?;
    for node in &deployed.graph.nodes {
        let Some(spec) = node.op.weight_quant() else { continue };
        let weight = deployed.weights.param(&node.name, "weight")?;
        model.weights.insert(node.param_name("weight_scale"), min_max_scale(weight, spec));
    }
    fit_bias_range(model)
}

/// Enlarges weight scales where the int32 bias, in steps of `s_x · s_w`, would overflow: channels with tiny weights and a
/// large bias, as folding batch norm makes them. Learned scales are otherwise left alone.
pub fn fit_bias_range(model: &mut Model) -> Result<(), QuantizeError> {
    let deployed = pipeline::deploy(model)?;
    for node in &deployed.graph.nodes {
        let Some(input_scale) = input_scale(&deployed, node)? else { continue };
        let Ok(bias) = deployed.weights.param(&node.name, "bias") else { continue };
        let scales = model.weights.get_mut(&node.param_name("weight_scale"))?;
        let per_channel = scales.elements() == bias.elements();
        for (c, bias) in bias.data.iter().enumerate() {
            let least = (f64::from(bias.abs()) / (f64::from(input_scale) * MAX_BIAS_STEPS)) as f32;
            let scale = &mut scales.data[if per_channel { c } else { 0 }];
            *scale = scale.max(least);
        }
    }
    Ok(())
}

/// The scale of the value that a node with quantized weights reads; `None` if its weights or its input are float.
pub(super) fn input_scale(model: &Model, node: &Node) -> Result<Option<f32>, MissingTensor> {
    let source = node.op.weight_quant().and(node.input()).and_then(|input| activation_source(&model.graph, input));
    source.map(|source| Ok(model.weights.param(&source.name, "scale")?.data[0])).transpose()
}

fn min_max_scale(weight: &Tensor, spec: &QuantSpec) -> Tensor {
    let largest = |values: &[f32]| values.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let scale = |values: &[f32]| (largest(values) / spec.max() as f32).max(MIN_SCALE);
    let scales: Vec<f32> =
        if spec.per_channel { weight.rows().map(scale).collect() } else { vec![scale(&weight.data)] };
    Tensor::new([scales.len()], scales)
}
