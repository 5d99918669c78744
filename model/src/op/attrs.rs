//! Attributes of the ops that have any, with the tensors that follow from them.

use serde::{Deserialize, Serialize};

use super::{Param, QuantSpec, Role};

/// A two-dimensional convolution (cross-correlation, as in PyTorch). Pairs are `[height, width]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// C of the input.
    pub in_channels: usize,
    /// C of the output.
    pub out_channels: usize,
    /// Window size.
    pub kernel: [usize; 2],
    /// Step of the window.
    pub stride: [usize; 2],
    /// Zeros added on each side.
    pub padding: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// Number of independent groups; `in_channels` of them make a depthwise convolution.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// How the weights are quantized; `None` in a float graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_quant: Option<QuantSpec>,
}

impl Conv2d {
    /// A square kernel with stride 1, no padding, one group and no bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            bias: false,
            weight_quant: None,
        }
    }

    /// Sets both strides.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Sets both paddings.
    pub fn padding(self, padding: usize) -> Self {
        Self { padding: [padding; 2], ..self }
    }

    /// Sets the number of groups.
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Adds a bias.
    pub fn with_bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// `[O, C / groups, kernel height, kernel width]`.
    pub fn weight_shape(&self) -> Vec<usize> {
        vec![self.out_channels, self.in_channels / self.groups.max(1), self.kernel[0], self.kernel[1]]
    }

    pub(super) fn params(&self) -> Vec<Param> {
        weighted_params(self.weight_shape(), self.out_channels, self.bias, self.weight_quant.as_ref())
    }
}

/// Batch normalisation over the N, H and W of each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm2d {
    /// C.
    pub features: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Weight of the newest batch in the running statistics, as in PyTorch.
    pub momentum: f64,
}

impl BatchNorm2d {
    /// PyTorch's defaults: `eps` 1e-5, `momentum` 0.1.
    pub fn new(features: usize) -> Self {
        Self { features, eps: 1e-5, momentum: 0.1 }
    }

    pub(super) fn params(&self) -> Vec<Param> {
        let of = |name, role| Param::new(name, vec![self.features], role);
        vec![
            of("weight", Role::Parameter),
            of("bias", Role::Parameter),
            of("running_mean", Role::Buffer),
            of("running_var", Role::Buffer),
        ]
    }
}

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// F of the input.
    pub in_features: usize,
    /// F of the output.
    pub out_features: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// How the weights are quantized; `None` in a float graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_quant: Option<QuantSpec>,
}

impl Linear {
    /// With a bias, PyTorch's default.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self { in_features, out_features, bias: true, weight_quant: None }
    }

    /// `[O, F]`.
    pub fn weight_shape(&self) -> Vec<usize> {
        vec![self.out_features, self.in_features]
    }

    pub(super) fn params(&self) -> Vec<Param> {
        weighted_params(self.weight_shape(), self.out_features, self.bias, self.weight_quant.as_ref())
    }
}

/// A pooling window, `[height, width]` each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool2d {
    /// Window size.
    pub kernel: [usize; 2],
    /// Step of the window.
    pub stride: [usize; 2],
    /// Cells added on each side.
    pub padding: [usize; 2],
}

impl Pool2d {
    /// A square window that steps by its own size.
    pub fn new(kernel: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [kernel; 2], padding: [0; 2] }
    }
}

fn weighted_params(weight: Vec<usize>, out: usize, bias: bool, quant: Option<&QuantSpec>) -> Vec<Param> {
    let mut params = vec![Param::new("weight", weight, Role::Parameter)];
    if bias {
        params.push(Param::new("bias", vec![out], Role::Parameter));
    }
    if let Some(spec) = quant {
        let channels = if spec.per_channel { out } else { 1 };
        params.push(Param::new("weight_scale", vec![channels], Role::Quantizer));
    }
    params
}
