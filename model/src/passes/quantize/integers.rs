//! The exact integers of a quantized model.

use super::QuantizeError;
use super::scales::{self, MAX_BIAS_STEPS};
use crate::graph::Node;
use crate::model::Model;
use crate::passes::pipeline;
use crate::tensor::Tensor;

/// What the deployed file holds for a convolution or linear layer with quantized weights.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerLayer {
    /// Shape of the weights, output channels first.
    pub shape: Vec<usize>,
    /// The weights, each `round(w / scale)` of its output channel, half to even, saturated to ±127.
    pub weight: Vec<i8>,
    /// One scale per output channel (or one in all).
    pub weight_scale: Vec<f32>,
    /// The bias in steps of `bias_scale`; `None` without a bias or if the layer reads a float value.
    pub bias: Option<Vec<i32>>,
    /// `s_x · s_w`, as many as `weight_scale`; empty if the layer reads a float value.
    pub bias_scale: Vec<f32>,
}

impl IntegerLayer {
    /// The floats that the integer weights stand for.
    pub fn dequantized_weight(&self) -> Tensor {
        let row = self.weight.len() / self.shape[0].max(1);
        let scale = |i: usize| self.weight_scale[(i / row.max(1)).min(self.weight_scale.len() - 1)];
        let data = self.weight.iter().enumerate().map(|(i, q)| f32::from(*q) * scale(i)).collect();
        Tensor::new(self.shape.clone(), data)
    }

    /// The floats that the integer bias stands for.
    pub fn dequantized_bias(&self) -> Option<Tensor> {
        let scale = |c: usize| f64::from(self.bias_scale[c.min(self.bias_scale.len() - 1)]);
        let bias = self.bias.as_ref()?;
        let data = bias.iter().enumerate().map(|(c, q)| (f64::from(*q) * scale(c)) as f32).collect();
        Some(Tensor::new([bias.len()], data))
    }
}

/// The integers of one node of a model that went through `pipeline::deploy`.
pub fn integer_layer(model: &Model, node: &Node) -> Result<IntegerLayer, QuantizeError> {
    let spec = node.op.weight_quant().ok_or_else(|| QuantizeError::NotQuantized(node.name.clone()))?;
    let weight = model.weights.param(&node.name, "weight")?;
    let weight_scale = model.weights.param(&node.name, "weight_scale")?.data.clone();
    let last = weight_scale.len() - 1;
    let rows = weight.rows().enumerate();
    let quantized = rows.flat_map(|(c, row)| {
        let scale = weight_scale[c.min(last)];
        row.iter().map(move |w| spec.quantize(*w, scale, 0) as i8)
    });
    let quantized = quantized.collect();
    let input_scale = scales::input_scale(model, node)?;
    let bias_scale: Vec<f32> =
        input_scale.map(|s_x| weight_scale.iter().map(|s_w| s_x * s_w).collect()).unwrap_or_default();
    let bias = match model.weights.param(&node.name, "bias") {
        Ok(bias) if input_scale.is_some() => Some(quantize_bias(bias, &bias_scale)),
        _ => None,
    };
    Ok(IntegerLayer { shape: weight.shape.clone(), weight: quantized, weight_scale, bias, bias_scale })
}

fn quantize_bias(bias: &Tensor, scales: &[f32]) -> Vec<i32> {
    let steps = bias.data.iter().enumerate().map(|(c, bias)| {
        let scale = f64::from(scales[c.min(scales.len() - 1)]);
        (f64::from(*bias) / scale).round_ties_even().clamp(-MAX_BIAS_STEPS, MAX_BIAS_STEPS) as i32
    });
    steps.collect()
}

/// The float model that computes what the deployed integer file computes: batch norm folded, weights and biases replaced by
/// the values their integers stand for, activations still rounded by the `FakeQuant` nodes. Running it in libtorch is the simulation that the file must agree with.
pub fn as_deployed(model: &Model) -> Result<Model, QuantizeError> {
    let mut deployed = pipeline::deploy(model)?;
    for node in deployed.graph.nodes.clone() {
        if node.op.weight_quant().is_none() {
            continue;
        }
        let layer = integer_layer(&deployed, &node)?;
        deployed.weights.insert(node.param_name("weight"), layer.dequantized_weight());
        if let Some(bias) = layer.dequantized_bias() {
            deployed.weights.insert(node.param_name("bias"), bias);
        }
    }
    // Only now, since a layer's bias depends on its own quantizer.
    for node in &mut deployed.graph.nodes {
        if node.op.weight_quant().is_some() {
            node.op.set_weight_quant(None);
            deployed.weights.remove(&node.param_name("weight_scale"));
        }
    }
    Ok(deployed)
}
