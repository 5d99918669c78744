//! Random networks for property tests: chains of blocks that between them use every op and every kind of coupling.

use proptest::prelude::*;

use crate::graph::{Graph, GraphBuilder, INPUT};
use crate::op::{Conv2d, Op, Pool2d};

/// One piece of a random network. A block that does not fit where it lands (a pool on a tiny image) is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Block {
    Conv { width: usize, kernel: usize, stride: usize, bias: bool },
    ConvNorm { width: usize, stride: usize, act: Act },
    Residual { act: Act },
    Projection { width: usize },
    Dense { width: usize },
    Depthwise { multiplier: usize },
    Grouped { groups: usize, width: usize },
    Norm,
    Activation(Act),
    MaxPool { padded: bool },
    AvgPool { padded: bool },
    Dropout,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    None,
    Relu,
    Relu6,
}

/// How the network ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head {
    Pooled,
    Flat { hidden: usize },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![Just(Act::None), Just(Act::Relu), Just(Act::Relu6)]
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
        any::<bool>().prop_map(|padded| Block::MaxPool { padded }),
        any::<bool>().prop_map(|padded| Block::AvgPool { padded }),
        Just(Block::Dropout),
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
            Block::MaxPool { padded } => self.pool(x, padded, Op::MaxPool2d),
            Block::AvgPool { padded } => self.pool(x, padded, Op::AvgPool2d),
            Block::Dropout => self.push("dropout", Op::Dropout { p: 0.3 }, &[x]),
        }
    }

    fn pool(&mut self, x: &str, padded: bool, op: fn(Pool2d) -> Op) -> String {
        let shape = self.b.shape(x);
        if shape[1].min(shape[2]) < 3 {
            return x.into();
        }
        let pool = Pool2d::new(3).stride(2).padding(usize::from(padded));
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
