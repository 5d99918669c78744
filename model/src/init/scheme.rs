//! From which distribution each layer's first weights are drawn.
//!
//! Fans are PyTorch's: with a weight of `[O, I, …]`, the fan-in is the number of elements of one of its `O` rows, and the
//! fan-out that of one of its `I` columns. `I` is already divided by a convolution's groups, `O` is not.

use crate::graph::Node;
use crate::op::{Op, Param};

use super::Draw;

/// The distribution of the weights of a convolution or a linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weight {
    /// Normal with variance 2 / fan-out (He et al. 2015), the fan-out of one group. PyTorch's, which
    /// [`Weight::KaimingNormalFanOut`] is, makes depthwise convolutions begin smaller by √groups.
    Kaiming,
    /// `kaiming_normal_(mode="fan_out")`: normal with variance 2 / fan-out.
    KaimingNormalFanOut,
    /// `kaiming_normal_()`: normal with variance 2 / fan-in.
    KaimingNormalFanIn,
    /// `kaiming_uniform_()`: uniform with variance 2 / fan-in.
    KaimingUniform,
    /// `xavier_uniform_()`: uniform with variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010).
    XavierUniform,
    /// What PyTorch's layers have by themselves, `kaiming_uniform_(a=√5)`: uniform within ±1/√fan-in.
    PyTorch,
    /// Uniform within ±1/√fan-out.
    UniformFanOut,
    /// Normal with variance 1 / fan-in (`LeCun` et al. 1998).
    NormalFanIn,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Zero.
    Zero,
}

/// The distribution of the biases of a convolution or a linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bias {
    /// Zero.
    Zero,
    /// What PyTorch's layers have by themselves: uniform within ±1/√fan-in.
    PyTorch,
    /// Normal with this standard deviation.
    Normal(f64),
}

/// The distributions of one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer(pub Weight, pub Bias);

/// A layer that begins otherwise than its like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exception {
    /// What its node's name ends in.
    pub suffix: &'static str,
    /// How it begins.
    pub layer: Layer,
}

/// How a network's first weights are drawn. What is not a convolution or a linear layer begins as PyTorch and torchvision
/// have it in every network: norms as the identity, projections of attention as Xavier uniform, class tokens as zeros,
/// position embeddings normal with deviation 0.02, and quantizers with scale 1 until they are calibrated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheme {
    /// Convolutions.
    pub conv: Layer,
    /// Linear layers.
    pub linear: Layer,
    /// Layers that begin otherwise; the first that fits counts.
    pub exceptions: &'static [Exception],
}

/// Convolutions: Kaiming normal over fan-out, biases zero, as in torchvision's `ResNets`. Linear layers: PyTorch's default.
pub const KAIMING: Scheme =
    Scheme { conv: Layer(Weight::Kaiming, Bias::Zero), linear: Layer(Weight::PyTorch, Bias::PyTorch), exceptions: &[] };

/// What PyTorch's layers have by themselves, where a network does not say otherwise.
pub const PYTORCH: Scheme = Scheme {
    conv: Layer(Weight::PyTorch, Bias::PyTorch),
    linear: Layer(Weight::PyTorch, Bias::PyTorch),
    exceptions: &[],
};

impl Scheme {
    /// The distribution of one of the node's tensors.
    pub fn draw(&self, node: &Node, param: &Param) -> Draw {
        match (&node.op, param.name) {
            (_, "scale" | "weight_scale") => Draw::Constant(1.0),
            (_, "zero_point") => Draw::Constant(0.0),
            (Op::Conv2d(conv), _) => self.layer(node, self.conv).draw(param.name, &conv.weight_shape(), conv.groups),
            (Op::Linear(linear), _) => self.layer(node, self.linear).draw(param.name, &linear.weight_shape(), 1),
            (Op::Attention(_), "in_proj_weight") => Weight::XavierUniform.draw(Fans::new(&param.shape), 1),
            (Op::PositionEmbedding { .. }, _) => Draw::Normal(0.02),
            (Op::BatchNorm2d(_) | Op::ChannelAffine { .. } | Op::LayerNorm(_), "weight" | "running_var") => {
                Draw::Constant(1.0)
            }
            _ => Draw::Constant(0.0),
        }
    }

    fn layer(&self, node: &Node, usual: Layer) -> Layer {
        self.exceptions.iter().find(|e| node.name.ends_with(e.suffix)).map_or(usual, |exception| exception.layer)
    }
}

impl Layer {
    fn draw(self, param: &str, weight: &[usize], groups: usize) -> Draw {
        let fans = Fans::new(weight);
        match (param, self.1) {
            ("weight", _) => self.0.draw(fans, groups),
            (_, Bias::Zero) => Draw::Constant(0.0),
            (_, Bias::PyTorch) => Draw::Uniform(1.0 / fans.inward.sqrt()),
            (_, Bias::Normal(deviation)) => Draw::Normal(deviation),
        }
    }
}

#[derive(Clone, Copy)]
struct Fans {
    inward: f64,
    outward: f64,
}

impl Fans {
    fn new(weight: &[usize]) -> Self {
        let product = |sides: &[usize]| sides.iter().product::<usize>();
        let [rows, columns] = [0, 1].map(|axis| weight.get(axis).copied().unwrap_or(1));
        let window = product(weight.get(2..).unwrap_or_default());
        Self { inward: (columns * window).max(1) as f64, outward: (rows * window).max(1) as f64 }
    }
}

impl Weight {
    fn draw(self, Fans { inward, outward }: Fans, groups: usize) -> Draw {
        let uniform = |variance: f64| Draw::Uniform((3.0 * variance).sqrt());
        let normal = |variance: f64| Draw::Normal(variance.sqrt());
        match self {
            Weight::Kaiming => normal(2.0 / (outward / groups.max(1) as f64).max(1.0)),
            Weight::KaimingNormalFanOut => normal(2.0 / outward),
            Weight::KaimingNormalFanIn => normal(2.0 / inward),
            Weight::KaimingUniform => uniform(2.0 / inward),
            Weight::XavierUniform => uniform(2.0 / (inward + outward)),
            Weight::PyTorch => Draw::Uniform(1.0 / inward.sqrt()),
            Weight::UniformFanOut => Draw::Uniform(1.0 / outward.sqrt()),
            Weight::NormalFanIn => normal(1.0 / inward),
            Weight::Normal(deviation) => Draw::Normal(deviation),
            Weight::Zero => Draw::Constant(0.0),
        }
    }
}
