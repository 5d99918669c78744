//! Random networks for property tests: chains of blocks that between them use every op and every kind of coupling.

use proptest::prelude::*;

use crate::graph::{Graph, GraphBuilder, INPUT};
use crate::op::{Attention, Conv2d, LayerNorm, Op, Pool2d};

/// One piece of a random network. A block that does not fit where it lands (a pool on a tiny image) is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Block {
    Conv {
        width: usize,
        kernel: usize,
        stride: usize,
        bias: bool,
    },
    ConvNorm {
        width: usize,
        stride: usize,
        act: Act,
    },
    Residual {
        act: Act,
    },
    Projection {
        width: usize,
    },
    Dense {
        width: usize,
    },
    Depthwise {
        multiplier: usize,
    },
    Grouped {
        groups: usize,
        width: usize,
    },
    Norm,
    Activation(Act),
    /// Squeeze and excitation (Hu et al. 2018).
    Gate {
        squeezed: usize,
        hard: bool,
    },
    /// ShuffleNet's unit: half of the channels pass, the others are convolved, and all are shuffled.
    Shuffle {
        width: usize,
    },
    /// Halves that two convolutions read, which nothing else couples.
    Halves {
        width: usize,
    },
    Affine,
    MaxPool(Window),
    AvgPool(Window),
    Adaptive {
        height: usize,
        width: usize,
    },
    Dropout,
    StochasticDepth,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    padded: bool,
    ceil: bool,
    exclude_padding: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    None,
    Relu,
    Relu6,
    Hardswish,
    Silu,
    Gelu,
}

/// How the network ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head {
    Pooled,
    Flat { hidden: usize },
}

fn act() -> impl Strategy<Value = Act> {
    use Act::{Gelu, Hardswish, None, Relu, Relu6, Silu};
    prop_oneof![Just(None), Just(Relu), Just(Relu6), Just(Hardswish), Just(Silu), Just(Gelu)]
}

fn window() -> impl Strategy<Value = Window> {
    // ONNX has no mean over windows in ceil mode in which some padding counts.
    let exportable = |window: &Window| window.exclude_padding || !(window.padded && window.ceil);
    (any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(padded, ceil, exclude_padding)| Window { padded, ceil, exclude_padding })
        .prop_filter("cannot be exported", exportable)
}

fn block() -> impl Strategy<Value = Block> {
    let width = 2..7usize;
    prop_oneof![
        (width.clone(), 1..4usize, 1..3usize, any::<bool>()).prop_map(|(width, kernel, stride, bias)| Block::Conv {
            width,
            kernel,
            stride,
            bias
        }),
        (width.clone(), 1..3usize, act()).prop_map(|(width, stride, act)| Block::ConvNorm { width, stride, act }),
        act().prop_map(|act| Block::Residual { act }),
        width.clone().prop_map(|width| Block::Projection { width }),
        width.clone().prop_map(|width| Block::Dense { width }),
        (1..3usize).prop_map(|multiplier| Block::Depthwise { multiplier }),
        (2..4usize, 1..3usize).prop_map(|(groups, width)| Block::Grouped { groups, width }),
        Just(Block::Norm),
        act().prop_map(Block::Activation),
        (1..4usize, any::<bool>()).prop_map(|(squeezed, hard)| Block::Gate { squeezed, hard }),
        (2..4usize).prop_map(|width| Block::Shuffle { width }),
        (2..4usize).prop_map(|width| Block::Halves { width }),
        Just(Block::Affine),
        window().prop_map(Block::MaxPool),
        window().prop_map(Block::AvgPool),
        (1..5usize, 1..5usize).prop_map(|(height, width)| Block::Adaptive { height, width }),
        Just(Block::Dropout),
        Just(Block::StochasticDepth),
    ]
}

fn head() -> impl Strategy<Value = Head> {
    prop_oneof![Just(Head::Pooled), (2..6usize).prop_map(|hidden| Head::Flat { hidden })]
}

/// A sound network on images of 1 to 3 channels and 5 to 8 pixels a side.
pub(crate) fn graphs() -> impl Strategy<Value = Graph> {
    let input = (1..4usize, 5..9usize, 5..9usize);
    (input, proptest::collection::vec(block(), 1..6), head()).prop_map(|((c, h, w), blocks, head)| {
        let mut net = Net { b: GraphBuilder::new("random", [c, h, w], 3), count: 0 };
        let value = blocks.iter().fold(INPUT.to_owned(), |value, block| net.block(*block, &value));
        let logits = net.head(head, &value);
        net.b.finish(&logits).expect("blocks that do not fit are left out")
    })
}

/// A sound vision transformer of one or two blocks on images of 4 to 6 pixels a side.
pub(crate) fn transformers() -> impl Strategy<Value = Graph> {
    let sizes = (4..7usize, 1..4usize, 1..4usize, 2..6usize);
    (sizes, 1..3usize, any::<bool>()).prop_map(|((side, heads, head_dim, hidden), blocks, pooled)| {
        let mut net = Net { b: GraphBuilder::new("random", [3, side, side], 3), count: 0 };
        let width = heads * head_dim;
        let patches = Conv2d::new(3, width, 2).stride(2).with_bias();
        let x = net.push("patches", Op::Conv2d(patches), &[INPUT]);
        let x = net.push("tokens", Op::Tokens, &[&x]);
        let x = net.push("class", Op::ClassToken { features: width }, &[&x]);
        let tokens = net.b.shape(&x)[0];
        let mut x = net.push("positions", Op::PositionEmbedding { tokens, features: width }, &[&x]);
        for _ in 0..blocks {
            x = net.encoder(&x, heads, hidden);
        }
        let x = net.layer_norm(&x);
        // Either the class token or, to use the others, a patch's.
        let x = net.push("take", Op::TakeToken { index: usize::from(pooled) }, &[&x]);
        let logits = net.b.linear("head", &x, 3);
        net.b.finish(&logits).expect("sizes fit by construction")
    })
}

struct Net {
    b: GraphBuilder,
    count: usize,
}

impl Net {
    fn name(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}{}", self.count)
    }

    fn conv(&mut self, x: &str, width: usize, kernel: usize, stride: usize) -> String {
        let name = self.name("conv");
        self.b.conv(&name, x, width, kernel, stride)
    }

    fn norm(&mut self, x: &str) -> String {
        let name = self.name("bn");
        self.b.batch_norm(&name, x)
    }

    fn act(&mut self, x: &str, act: Act) -> String {
        let op = match act {
            Act::None => return x.into(),
            Act::Relu => Op::Relu,
            Act::Relu6 => Op::Relu6,
            Act::Hardswish => Op::Hardswish,
            Act::Silu => Op::Silu,
            Act::Gelu => Op::Gelu,
        };
        let name = self.name("act");
        self.b.push(&name, op, &[x])
    }

    fn push(&mut self, kind: &str, op: Op, inputs: &[&str]) -> String {
        let name = self.name(kind);
        self.b.push(&name, op, inputs)
    }

    fn block(&mut self, block: Block, x: &str) -> String {
        let channels = self.b.channels(x);
        let name = self.name("adaptive");
        match block {
            Block::Conv { width, kernel, stride, bias } => {
                let mut conv = Conv2d::new(channels, width, kernel).stride(stride).padding(kernel / 2);
                conv.bias = bias;
                self.push("conv", Op::Conv2d(conv), &[x])
            }
            Block::ConvNorm { width, stride, act } => {
                let y = self.conv(x, width, 3, stride);
                let y = self.norm(&y);
                self.act(&y, act)
            }
            Block::Residual { act } => {
                let y = self.conv(x, channels, 3, 1);
                let y = self.norm(&y);
                let sum = self.push("add", Op::Add, &[&y, x]);
                self.act(&sum, act)
            }
            Block::Projection { width } => {
                let left = self.conv(x, width, 3, 2);
                let left = self.norm(&left);
                let right = self.conv(x, width, 1, 2);
                let sum = self.push("add", Op::Add, &[&left, &right]);
                self.act(&sum, Act::Relu)
            }
            Block::Dense { width } => {
                let y = self.conv(x, width, 3, 1);
                let y = self.act(&y, Act::Relu);
                self.push("concat", Op::Concat, &[x, &y])
            }
            Block::Depthwise { multiplier } => {
                let conv = Conv2d::new(channels, channels * multiplier, 3).padding(1).groups(channels);
                let y = self.push("depthwise", Op::Conv2d(conv), &[x]);
                self.norm(&y)
            }
            Block::Grouped { groups, width } => {
                let x = self.conv(x, groups * 2, 1, 1);
                let conv = Conv2d::new(groups * 2, groups * width, 3).padding(1).groups(groups).with_bias();
                self.push("grouped", Op::Conv2d(conv), &[&x])
            }
            Block::Norm => self.norm(x),
            Block::Activation(act) => self.act(x, act),
            Block::Gate { squeezed, hard } => self.gate(x, squeezed, hard),
            Block::Shuffle { width } => {
                let x = self.conv(x, 2 * width, 1, 1);
                let [left, right] = self.halves(&x, width);
                let right = self.conv(&right, width, 3, 1);
                let right = self.norm(&right);
                let joined = self.push("concat", Op::Concat, &[&left, &right]);
                self.push("shuffle", Op::ChannelShuffle { groups: 2 }, &[&joined])
            }
            Block::Halves { width } => {
                let x = self.conv(x, 2 * width, 1, 1);
                let [left, right] = self.halves(&x, width);
                let (left, right) = (self.conv(&left, 3, 1, 1), self.conv(&right, 3, 3, 1));
                self.push("add", Op::Add, &[&left, &right])
            }
            Block::Affine => self.push("affine", Op::ChannelAffine { features: channels }, &[x]),
            Block::MaxPool(window) => self.pool(x, window, Op::MaxPool2d),
            Block::AvgPool(window) => self.pool(x, window, Op::AvgPool2d),
            Block::Adaptive { height, width } => self.b.adaptive_avg_pool(&name, x, [height, width]),
            Block::Dropout => self.push("dropout", Op::Dropout { p: 0.3 }, &[x]),
            Block::StochasticDepth => self.push("depth", Op::StochasticDepth { p: 0.3 }, &[x]),
        }
    }

    fn gate(&mut self, x: &str, squeezed: usize, hard: bool) -> String {
        let channels = self.b.channels(x);
        let gate = self.push("squeeze", Op::GlobalAvgPool, &[x]);
        let gate = self.push("fc1", Op::Conv2d(Conv2d::new(channels, squeezed, 1).with_bias()), &[&gate]);
        let gate = self.act(&gate, Act::Relu);
        let gate = self.push("fc2", Op::Conv2d(Conv2d::new(squeezed, channels, 1).with_bias()), &[&gate]);
        let gate = self.push("gate", if hard { Op::Hardsigmoid } else { Op::Sigmoid }, &[&gate]);
        self.push("mul", Op::Mul, &[x, &gate])
    }

    fn halves(&mut self, x: &str, width: usize) -> [String; 2] {
        [0, width].map(|start| self.push("slice", Op::Slice { start, end: start + width }, &[x]))
    }

    fn layer_norm(&mut self, x: &str) -> String {
        let norm = LayerNorm { features: self.b.channels(x), eps: 1e-6 };
        self.push("ln", Op::LayerNorm(norm), &[x])
    }

    fn linear(&mut self, x: &str, out: usize) -> String {
        let name = self.name("linear");
        self.b.linear(&name, x, out)
    }

    fn encoder(&mut self, x: &str, heads: usize, hidden: usize) -> String {
        let width = self.b.channels(x);
        let y = self.layer_norm(x);
        let y = self.push("attention", Op::Attention(Attention::new(width, heads)), &[&y]);
        let y = self.linear(&y, width);
        let x = self.push("add", Op::Add, &[x, &y]);
        let y = self.layer_norm(&x);
        let y = self.linear(&y, hidden);
        let y = self.act(&y, Act::Gelu);
        let y = self.linear(&y, width);
        self.push("add", Op::Add, &[&x, &y])
    }

    fn pool(&mut self, x: &str, window: Window, op: fn(Pool2d) -> Op) -> String {
        let shape = self.b.shape(x);
        if shape[1].min(shape[2]) < 3 {
            return x.into();
        }
        let Window { padded, ceil, exclude_padding } = window;
        let mut pool = Pool2d::new(3).stride(2).padding(usize::from(padded));
        (pool.ceil, pool.exclude_padding) = (ceil, exclude_padding);
        self.push("pool", op(pool), &[x])
    }

    fn head(&mut self, head: Head, x: &str) -> String {
        match head {
            Head::Pooled => self.b.classifier(x),
            Head::Flat { hidden } => {
                let flat = self.b.push("flatten", Op::Flatten, &[x]);
                let x = self.b.linear("fc1", &flat, hidden);
                let x = self.act(&x, Act::Relu);
                self.b.linear("fc2", &x, 3)
            }
        }
    }
}
