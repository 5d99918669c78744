//! A graph as text: one line for each node, the same text for the same graph, so that a change of a network reads well in a
//! diff. It is for people and for snapshot tests; nothing reads it back (`graph.json` is for that).
//!
//! ```text
//! graph tiny-cnn: image [3, 32, 32], 10 classes
//! input = input() : [3, 32, 32]
//! conv1 = conv2d(input) in=3 out=8 kernel=3 padding=1 : [8, 32, 32]
//! ```
//!
//! Attributes are left out where they have the value that hardly ever differs (stride 1, no padding, one group). A node
//! that does not fit its inputs has `?` for its shape: a graph that is wrong can be printed, too.

use std::fmt;

use crate::graph::{Graph, Node};
use crate::op::{Attention, Conv2d, Linear, Op, Pool2d, QuantSpec};
use crate::shape::{self, Shapes};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {}: image {:?}, {} classes", self.name, self.input, self.classes)?;
        let mut shapes = Shapes::with_capacity(self.nodes.len());
        for node in &self.nodes {
            write!(f, "{} = {}({})", node.name, node.op.kind(), node.inputs.join(", "))?;
            for attribute in attributes(&node.op) {
                write!(f, " {attribute}")?;
            }
            match shape::infer_node(node, self.input, &shapes) {
                Ok(shape) => {
                    writeln!(f, " : {shape:?}")?;
                    shapes.insert(node.name.clone(), shape);
                }
                Err(_) => writeln!(f, " : ?")?,
            }
        }
        writeln!(f, "output {}", self.output)?;
        for auxiliary in &self.auxiliary {
            writeln!(f, "auxiliary {} loss_weight={}", auxiliary.output, auxiliary.loss_weight)?;
        }
        Ok(())
    }
}

impl Node {
    /// The op's attributes as the dump of a graph has them (`kernel=3 padding=1`); empty for an op without any.
    pub fn attributes(&self) -> String {
        attributes(&self.op).join(" ")
    }
}

fn attributes(op: &Op) -> Vec<String> {
    match op {
        Op::Conv2d(conv) => conv2d(conv),
        Op::BatchNorm2d(norm) => {
            let momentum = unless(norm.momentum == 0.1, || format!("momentum={}", norm.momentum));
            [vec![format!("features={}", norm.features), eps(norm.eps)], momentum].concat()
        }
        Op::LayerNorm(norm) => vec![format!("features={}", norm.features), eps(norm.eps)],
        Op::ChannelAffine { features } | Op::ClassToken { features } => vec![format!("features={features}")],
        Op::InputAffine { scale, shift } => vec![format!("scale={scale:?}"), format!("shift={shift:?}")],
        Op::Linear(linear) => self::linear(linear),
        Op::MaxPool2d(pool) | Op::AvgPool2d(pool) => pool2d(pool),
        Op::AdaptiveAvgPool2d { output } => vec![format!("output={}", pair(*output))],
        Op::Dropout { p } | Op::StochasticDepth { p } => vec![format!("p={p}")],
        Op::Slice { start, end } => vec![format!("channels={start}..{end}")],
        Op::ChannelShuffle { groups } => vec![format!("groups={groups}")],
        Op::PositionEmbedding { tokens, features } => vec![format!("tokens={tokens}"), format!("features={features}")],
        Op::Attention(attention) => self::attention(attention),
        Op::TakeToken { index } => vec![format!("index={index}")],
        Op::FakeQuant(spec) => vec![quant(spec)],
        Op::Input
        | Op::Relu
        | Op::Relu6
        | Op::Sigmoid
        | Op::Hardsigmoid
        | Op::Hardswish
        | Op::Silu
        | Op::Gelu
        | Op::GlobalAvgPool
        | Op::Flatten
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::Tokens => Vec::new(),
    }
}

fn conv2d(conv: &Conv2d) -> Vec<String> {
    let parts = [
        vec![format!("in={}", conv.in_channels), format!("out={}", conv.out_channels)],
        vec![format!("kernel={}", pair(conv.kernel))],
        unless(conv.stride == [1; 2], || format!("stride={}", pair(conv.stride))),
        unless(conv.padding == [0; 2], || format!("padding={}", pair(conv.padding))),
        unless(conv.dilation == [1; 2], || format!("dilation={}", pair(conv.dilation))),
        unless(conv.groups == 1, || format!("groups={}", conv.groups)),
        unless(!conv.bias, || "bias".to_owned()),
        weight(conv.weight_quant.as_ref()),
    ];
    parts.concat()
}

fn linear(linear: &Linear) -> Vec<String> {
    let sizes = vec![format!("in={}", linear.in_features), format!("out={}", linear.out_features)];
    [sizes, unless(!linear.bias, || "bias".to_owned()), weight(linear.weight_quant.as_ref())].concat()
}

fn pool2d(pool: &Pool2d) -> Vec<String> {
    let parts = [
        vec![format!("kernel={}", pair(pool.kernel)), format!("stride={}", pair(pool.stride))],
        unless(pool.padding == [0; 2], || format!("padding={}", pair(pool.padding))),
        unless(!pool.ceil, || "ceil".to_owned()),
        unless(!pool.exclude_padding, || "exclude_padding".to_owned()),
    ];
    parts.concat()
}

fn attention(attention: &Attention) -> Vec<String> {
    vec![
        format!("in={}", attention.in_features),
        format!("heads={}", attention.heads),
        format!("head_dim={}", attention.head_dim),
        format!("scale={}", attention.scale),
    ]
}

fn weight(spec: Option<&QuantSpec>) -> Vec<String> {
    spec.map(|spec| format!("weight={}", quant(spec))).into_iter().collect()
}

/// `int8/symmetric/per_channel`, `uint8`.
fn quant(spec: &QuantSpec) -> String {
    let integer = format!("{}{}", if spec.signed { "int" } else { "uint" }, spec.bits);
    let words = [(spec.symmetric, "/symmetric"), (spec.per_channel, "/per_channel")];
    words.into_iter().filter(|(holds, _)| *holds).fold(integer, |text, (_, word)| text + word)
}

/// `3`, or `1x7` where height and width differ.
fn pair([height, width]: [usize; 2]) -> String {
    if height == width { height.to_string() } else { format!("{height}x{width}") }
}

fn eps(eps: f64) -> String {
    format!("eps={eps:e}")
}

fn unless(usual: bool, text: impl FnOnce() -> String) -> Vec<String> {
    if usual { Vec::new() } else { vec![text()] }
}

#[cfg(test)]
mod tests;
