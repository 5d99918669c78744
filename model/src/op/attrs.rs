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
    /// Whether a last window that lies only partly in the image counts (PyTorch's `ceil_mode`). Windows that would begin
    /// behind the image and its left padding never do.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ceil: bool,
    /// Means only: whether padding is left out of the count (PyTorch's `count_include_pad=False`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub exclude_padding: bool,
}

impl Pool2d {
    /// A square window that steps by its own size.
    pub fn new(kernel: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [kernel; 2], padding: [0; 2], ceil: false, exclude_padding: false }
    }

    /// Sets both strides.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Sets both paddings.
    pub fn padding(self, padding: usize) -> Self {
        Self { padding: [padding; 2], ..self }
    }

    /// Counts windows that lie partly outside.
    pub fn ceil(self) -> Self {
        Self { ceil: true, ..self }
    }
}

/// Layer normalisation over the features of each token (Ba et al. 2016).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm {
    /// E.
    pub features: usize,
    /// Added to the variance.
    pub eps: f64,
}

impl LayerNorm {
    pub(super) fn params(&self) -> Vec<Param> {
        ["weight", "bias"].map(|name| Param::new(name, vec![self.features], Role::Parameter)).to_vec()
    }
}

/// Multi-head self-attention (Vaswani et al. 2017) up to the heads' joined outputs; the output projection is a [`Linear`] of
/// its own. `[L, E]` → `[L, heads · head_dim]`.
///
/// The rows of `in_proj_weight` are the queries', the keys' and the values' projections, head by head each, as in PyTorch's
/// `MultiheadAttention`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// E of the input.
    pub in_features: usize,
    /// Number of heads.
    pub heads: usize,
    /// Features of one head.
    pub head_dim: usize,
    /// What dot products are multiplied by before the softmax: an attribute, so that pruning does not change it.
    pub scale: f64,
}

impl Attention {
    /// Heads that share `features`, with the usual scale 1/√`head_dim`.
    pub fn new(features: usize, heads: usize) -> Self {
        let head_dim = features / heads.max(1);
        Self { in_features: features, heads, head_dim, scale: 1.0 / (head_dim.max(1) as f64).sqrt() }
    }

    /// `heads · head_dim`: features of the output, and of queries, keys and values each.
    pub fn out_features(&self) -> usize {
        self.heads * self.head_dim
    }

    pub(super) fn params(&self) -> Vec<Param> {
        let rows = 3 * self.out_features();
        vec![
            Param::new("in_proj_weight", vec![rows, self.in_features], Role::Parameter),
            Param::new("in_proj_bias", vec![rows], Role::Parameter),
        ]
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(value: &bool) -> bool {
    !value
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
