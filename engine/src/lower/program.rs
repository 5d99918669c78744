//! The resolved form of a graph: what each step does, with indices instead of names.

use sweep_model::{Attention, Conv2d, Pool2d, QuantSpec};

/// Index of a tensor in the net, and index of a step's value.
pub type TensorIndex = usize;
pub type ValueIndex = usize;

/// Steps in topological order; step i computes value i.
pub struct Program {
    pub steps: Vec<Step>,
    pub output: ValueIndex,
    /// The values of auxiliary classifiers, in the graph's order.
    pub auxiliary: Vec<ValueIndex>,
}

pub struct Step {
    /// The node's name, for messages and hooks.
    pub name: String,
    pub kernel: Kernel,
    pub inputs: Vec<ValueIndex>,
    /// Values that nobody reads after this step.
    pub last_uses: Vec<ValueIndex>,
    /// Whether only auxiliary classifiers need it: left out of evaluation.
    pub train_only: bool,
    /// Whether the input may be overwritten: nobody else reads it, and no backward pass needs it.
    pub in_place: bool,
}

pub enum Kernel {
    Input,
    Conv { attrs: ConvAttrs, weight: TensorIndex, bias: Option<TensorIndex>, quant: Option<WeightQuant> },
    Linear { weight: TensorIndex, bias: Option<TensorIndex>, quant: Option<WeightQuant> },
    BatchNorm(BatchNorm),
    ChannelAffine { weight: TensorIndex, bias: TensorIndex },
    InputAffine { scale: Vec<f64>, shift: Vec<f64> },
    LayerNorm { features: i64, weight: TensorIndex, bias: TensorIndex, eps: f64 },
    Relu,
    Relu6,
    Sigmoid,
    Hardsigmoid,
    Hardswish,
    Silu,
    Gelu,
    MaxPool(Pool2d),
    AvgPool(Pool2d),
    AdaptiveAvgPool([i64; 2]),
    Flatten,
    Dropout { p: f64 },
    StochasticDepth { p: f64 },
    Add,
    Mul,
    Concat,
    Slice { start: i64, length: i64 },
    ChannelShuffle { groups: i64 },
    Tokens,
    ClassToken(TensorIndex),
    PositionEmbedding(TensorIndex),
    Attention { attrs: Attention, weight: TensorIndex, bias: TensorIndex },
    TakeToken { index: i64 },
    FakeQuant { spec: QuantSpec, scale: TensorIndex, zero_point: TensorIndex },
}

/// The sizes libtorch's convolution wants, as it wants them.
#[derive(Clone, Copy)]
pub struct ConvAttrs {
    pub stride: [i64; 2],
    pub padding: [i64; 2],
    pub dilation: [i64; 2],
    pub groups: i64,
}

impl From<&Conv2d> for ConvAttrs {
    fn from(conv: &Conv2d) -> Self {
        let pair = |[h, w]: [usize; 2]| [h as i64, w as i64];
        Self {
            stride: pair(conv.stride),
            padding: pair(conv.padding),
            dilation: pair(conv.dilation),
            groups: conv.groups as i64,
        }
    }
}

/// How a layer's weights are fake-quantized.
#[derive(Clone, Copy)]
pub struct WeightQuant {
    pub spec: QuantSpec,
    pub scale: TensorIndex,
    /// The batch norm that follows and will be folded into this layer in the deployed file.
    pub folded: Option<BatchNorm>,
}

#[derive(Clone, Copy)]
pub struct BatchNorm {
    pub weight: TensorIndex,
    pub bias: TensorIndex,
    pub mean: TensorIndex,
    pub var: TensorIndex,
    pub eps: f64,
    pub momentum: f64,
    /// Whether the convolution before it is quantized and computes this batch norm itself once statistics are frozen.
    pub in_quantized_conv: bool,
}
