//! The closed set of ops a graph is made of.
//!
//! An [`Op`] carries its attributes and nothing else: tensors live in [`crate::Weights`] under `<node>.<param>`, and which
//! tensors an op owns, of which shape and role, follows from its attributes through [`Op::params`]. Shapes leave out the
//! batch dimension unless written `[N, …]`: an image or its features are `[C, H, W]`, a vector `[F]`, and a transformer's
//! tokens `[L, E]`.

mod attrs;
mod quant;

pub use attrs::{Attention, BatchNorm2d, Conv2d, LayerNorm, Linear, Pool2d};
pub use quant::QuantSpec;

use serde::{Deserialize, Serialize};

/// One operation of a graph, named and defined as in PyTorch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// The image, `[N, C, H, W]`, normalised float.
    Input,
    /// `[N, C, H, W]` → `[N, O, H', W']`, zero padding.
    Conv2d(Conv2d),
    /// Per-channel normalisation of `[N, C, H, W]`.
    BatchNorm2d(BatchNorm2d),
    /// `y = weight · x + bias` per channel of `[N, C, H, W]`: a batch norm that could not be folded, as it is deployed.
    ChannelAffine {
        /// C.
        features: usize,
    },
    /// `y = scale · x + shift` per channel with fixed numbers: torchvision's `transform_input`, which brings images that were
    /// normalised with ImageNet's statistics to those that the published weights were trained with.
    InputAffine {
        /// One per channel.
        scale: Vec<f64>,
        /// One per channel.
        shift: Vec<f64>,
    },
    /// Normalisation of each token of `[N, L, E]`.
    LayerNorm(LayerNorm),
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// `min(max(x / 6 + 1/2, 0), 1)`.
    Hardsigmoid,
    /// `x · hardsigmoid(x)` (Howard et al. 2019).
    Hardswish,
    /// `x · sigmoid(x)`.
    Silu,
    /// `x · Φ(x)`, with the exact normal distribution function.
    Gelu,
    /// `[N, …, F]` → `[N, …, O]`: `x · Wᵀ + b`, of a vector or of each token.
    Linear(Linear),
    /// Largest value in each window; padding counts as −∞.
    MaxPool2d(Pool2d),
    /// Mean of each window; padding counts as zero (PyTorch's `count_include_pad=True`) unless it is excluded.
    AvgPool2d(Pool2d),
    /// `[N, C, H, W]` → `[N, C, 1, 1]`, the mean over each plane.
    GlobalAvgPool,
    /// `[N, C, H, W]` → `[N, C, H', W']`: the means of windows as even as can be, from `⌊i·H/H'⌋` to `⌈(i+1)·H/H'⌉`.
    AdaptiveAvgPool2d {
        /// `[H', W']`.
        output: [usize; 2],
    },
    /// `[N, C, H, W]` → `[N, C·H·W]`.
    Flatten,
    /// Zeroes each element with probability `p` while training and scales the others by `1 / (1 − p)`; else the identity.
    Dropout {
        /// Probability of zeroing an element, in `[0, 1)`.
        p: f64,
    },
    /// Zeroes whole images of the batch with probability `p` while training and scales the others by `1 / (1 − p)`; else the
    /// identity (Huang et al. 2016; torchvision's mode `row`).
    StochasticDepth {
        /// Probability of zeroing an image, in `[0, 1)`.
        p: f64,
    },
    /// Sum of two tensors of one shape.
    Add,
    /// Product of two tensors of one shape, or of `[N, C, H, W]` and one factor `[N, C, 1, 1]` for each channel.
    Mul,
    /// Joins tensors along axis 1 (channels, or features when flat).
    Concat,
    /// The channels `start..end`.
    Slice {
        /// The first channel.
        start: usize,
        /// One behind the last.
        end: usize,
    },
    /// Channel `i` of group `g` goes to place `i · groups + g` (Zhang et al., "ShuffleNet", CVPR 2018).
    ChannelShuffle {
        /// Number of groups.
        groups: usize,
    },
    /// `[N, C, H, W]` → `[N, H·W, C]`: each position becomes a token.
    Tokens,
    /// `[N, L, E]` → `[N, L + 1, E]`: puts a learned token in front. Its tensor bears the node's name alone.
    ClassToken {
        /// E.
        features: usize,
    },
    /// Adds a learned vector to each position of `[N, L, E]`. Its tensor bears the node's name alone.
    PositionEmbedding {
        /// L.
        tokens: usize,
        /// E.
        features: usize,
    },
    /// Self-attention over the tokens of `[N, L, E]`.
    Attention(Attention),
    /// `[N, L, E]` → `[N, E]`: one of the tokens.
    TakeToken {
        /// Which.
        index: usize,
    },
    /// Rounds to the grid of `scale` and `zero_point` and back to float.
    FakeQuant(QuantSpec),
}

/// What a tensor of an op is for, which decides who may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Learned by gradient descent; counted as a parameter.
    Parameter,
    /// State that training updates without a gradient (batch norm's running statistics).
    Buffer,
    /// Scale or zero point of a quantizer, set by calibration or learned.
    Quantizer,
}

/// One tensor an op owns: stored as `<node>.<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Suffix of the tensor's name, as torchvision has it (`weight`, `running_mean`); empty if the tensor bears the node's name.
    pub name: &'static str,
    /// Exact shape.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl Param {
    pub(crate) fn new(name: &'static str, shape: Vec<usize>, role: Role) -> Self {
        Self { name, shape, role }
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Op {
    /// The tensors this op owns, in PyTorch's order.
    pub fn params(&self) -> Vec<Param> {
        match self {
            Op::Conv2d(conv) => conv.params(),
            Op::BatchNorm2d(norm) => norm.params(),
            Op::Linear(linear) => linear.params(),
            Op::FakeQuant(_) => QuantSpec::activation_params(),
            Op::ChannelAffine { features } => {
                ["weight", "bias"].map(|name| Param::new(name, vec![*features], Role::Parameter)).to_vec()
            }
            Op::LayerNorm(norm) => norm.params(),
            Op::Attention(attention) => attention.params(),
            Op::ClassToken { features } => vec![Param::new("", vec![1, 1, *features], Role::Parameter)],
            Op::PositionEmbedding { tokens, features } => {
                vec![Param::new("", vec![1, *tokens, *features], Role::Parameter)]
            }
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
            | Op::Slice { .. }
            | Op::ChannelShuffle { .. }
            | Op::Tokens
            | Op::TakeToken { .. } => Vec::new(),
        }
    }

    /// How many inputs the op takes: `(least, most)`.
    pub fn arity(&self) -> (usize, usize) {
        match self {
            Op::Input => (0, 0),
            Op::Add | Op::Mul => (2, 2),
            Op::Concat => (2, usize::MAX),
            _ => (1, 1),
        }
    }

    /// Short name for tables and messages, the same word as in `graph.json`.
    pub fn kind(&self) -> &'static str {
        match self {
            Op::Input => "input",
            Op::Conv2d(_) => "conv2d",
            Op::BatchNorm2d(_) => "batch_norm2d",
            Op::ChannelAffine { .. } => "channel_affine",
            Op::InputAffine { .. } => "input_affine",
            Op::LayerNorm(_) => "layer_norm",
            Op::Relu => "relu",
            Op::Relu6 => "relu6",
            Op::Sigmoid => "sigmoid",
            Op::Hardsigmoid => "hardsigmoid",
            Op::Hardswish => "hardswish",
            Op::Silu => "silu",
            Op::Gelu => "gelu",
            Op::Linear(_) => "linear",
            Op::MaxPool2d(_) => "max_pool2d",
            Op::AvgPool2d(_) => "avg_pool2d",
            Op::GlobalAvgPool => "global_avg_pool",
            Op::AdaptiveAvgPool2d { .. } => "adaptive_avg_pool2d",
            Op::Flatten => "flatten",
            Op::Dropout { .. } => "dropout",
            Op::StochasticDepth { .. } => "stochastic_depth",
            Op::Add => "add",
            Op::Mul => "mul",
            Op::Concat => "concat",
            Op::Slice { .. } => "slice",
            Op::ChannelShuffle { .. } => "channel_shuffle",
            Op::Tokens => "tokens",
            Op::ClassToken { .. } => "class_token",
            Op::PositionEmbedding { .. } => "position_embedding",
            Op::Attention(_) => "attention",
            Op::TakeToken { .. } => "take_token",
            Op::FakeQuant(_) => "fake_quant",
        }
    }

    /// The suffix of the tensor that is multiplied with the input, one row for each output channel: what pruning ranks and
    /// zeroes. `None` for ops without one.
    pub fn weight_name(&self) -> Option<&'static str> {
        match self {
            Op::Conv2d(_) | Op::Linear(_) => Some("weight"),
            Op::Attention(_) => Some("in_proj_weight"),
            _ => None,
        }
    }

    /// The quantizer of the weights, if the op has weights and they are quantized.
    pub fn weight_quant(&self) -> Option<&QuantSpec> {
        match self {
            Op::Conv2d(conv) => conv.weight_quant.as_ref(),
            Op::Linear(linear) => linear.weight_quant.as_ref(),
            _ => None,
        }
    }

    /// Sets or clears the quantizer of the weights. Returns whether the op has weights at all.
    pub fn set_weight_quant(&mut self, spec: Option<QuantSpec>) -> bool {
        match self {
            Op::Conv2d(conv) => conv.weight_quant = spec,
            Op::Linear(linear) => linear.weight_quant = spec,
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_an_op_is_stable() {
        let conv = Op::Conv2d(Conv2d::new(3, 8, 3).stride(2).padding(1));
        let json = serde_json::to_string(&conv).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"conv2d","in_channels":3,"out_channels":8,"kernel":[3,3],"stride":[2,2],"padding":[1,1],"dilation":[1,1],"groups":1,"bias":false}"#
        );
        assert_eq!(serde_json::from_str::<Op>(&json).unwrap(), conv);
        let fake = Op::FakeQuant(QuantSpec::UINT8_ACTIVATION);
        let back: Op = serde_json::from_str(&serde_json::to_string(&fake).unwrap()).unwrap();
        assert_eq!(back, fake);
    }

    #[test]
    fn an_unknown_attribute_or_op_is_an_error() {
        assert!(serde_json::from_str::<Op>(r#"{"kind":"relu7"}"#).is_err());
        assert!(serde_json::from_str::<Op>(r#"{"kind":"dropout","p":0.5,"q":1}"#).is_err());
        let pool = r#"{"kind":"max_pool2d","kernel":[2,2],"stride":[2,2],"padding":[0,0],"ceil_mode":true}"#;
        assert!(serde_json::from_str::<Op>(pool).is_err());
    }

    #[test]
    fn kind_is_the_word_used_in_json() {
        let ops = [
            Op::Input,
            Op::Relu,
            Op::GlobalAvgPool,
            Op::BatchNorm2d(BatchNorm2d::new(4)),
            Op::Linear(Linear::new(2, 3)),
        ];
        for op in ops {
            let json = serde_json::to_value(&op).unwrap();
            assert_eq!(json["kind"], op.kind());
        }
    }
}
