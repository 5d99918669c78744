use std::path::Path;

use super::*;
use crate::graph::{Auxiliary, GraphBuilder, INPUT};
use crate::op::{BatchNorm2d, LayerNorm};
use crate::zoo::{self, ZooOptions};

/// Compares with the file of that name beside this one; `SWEEP_SNAPSHOTS=write cargo test -p sweep-model dump` writes it anew.
fn assert_snapshot(name: &str, graph: &Graph) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dump").join(name).with_extension("txt");
    let found = graph.to_string();
    if std::env::var_os("SWEEP_SNAPSHOTS").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        found == expected,
        "{} differs, first in {differing:?}; if that is meant, write it with SWEEP_SNAPSHOTS=write. Found:\n{found}",
        path.display()
    );
}

#[test]
fn a_network_of_the_zoo() {
    assert_snapshot("tiny-cnn", &zoo::build("tiny-cnn", &ZooOptions::default()).unwrap());
}

/// MobileNetV3's inverted residual with squeeze-and-excitation.
#[test]
fn squeeze_and_excitation() {
    let mut b = GraphBuilder::new("gated", [3, 8, 8], 4);
    let depthwise = Conv2d::new(16, 16, 5).groups(16).stride(2).padding(2);
    let x = b.conv("block.0.0", INPUT, 16, 1, 1);
    let x = b.push("block.0.2", Op::Hardswish, &[&x]);
    let x = b.push("block.1.0", Op::Conv2d(depthwise), &[&x]);
    let x = b.push("block.1.1", Op::BatchNorm2d(BatchNorm2d { features: 16, eps: 0.001, momentum: 0.01 }), &[&x]);
    let s = b.push("block.2.avgpool", Op::AdaptiveAvgPool2d { output: [1, 1] }, &[&x]);
    let s = b.push("block.2.fc1", Op::Conv2d(Conv2d::new(16, 8, 1).with_bias()), &[&s]);
    let s = b.relu("block.2.activation", &s);
    let s = b.push("block.2.fc2", Op::Conv2d(Conv2d::new(8, 16, 1).with_bias()), &[&s]);
    let s = b.push("block.2.scale", Op::Hardsigmoid, &[&s]);
    let x = b.push("block.2.mul", Op::Mul, &[&x, &s]);
    let x = b.push("drop", Op::StochasticDepth { p: 0.2 }, &[&x]);
    let x = b.classifier(&x);
    assert_snapshot("squeeze-excitation", &b.finish(&x).unwrap());
}

/// ShuffleNetV2's unit, with an auxiliary classifier as GoogLeNet has it.
#[test]
fn split_shuffle_and_an_auxiliary_classifier() {
    let mut b = GraphBuilder::new("shuffled", [8, 7, 7], 4);
    let affine = Op::InputAffine { scale: vec![0.458; 8], shift: vec![-0.03; 8] };
    let x = b.push("transform_input", affine, &[INPUT]);
    let left = b.push("unit.left", Op::Slice { start: 0, end: 4 }, &[&x]);
    let right = b.push("unit.right", Op::Slice { start: 4, end: 8 }, &[&x]);
    let tall = Conv2d { kernel: [1, 7], padding: [0, 3], ..Conv2d::new(4, 4, 1) };
    let right = b.push("unit.conv", Op::Conv2d(tall), &[&right]);
    let x = b.push("unit.cat", Op::Concat, &[&left, &right]);
    let x = b.push("unit.shuffle", Op::ChannelShuffle { groups: 2 }, &[&x]);
    let x = b.push("pool", Op::MaxPool2d(Pool2d::new(3).stride(2).ceil()), &[&x]);
    let side = b.push("aux.pool", Op::AvgPool2d(Pool2d { exclude_padding: true, ..Pool2d::new(3).padding(1) }), &[&x]);
    let side = b.push("aux.flatten", Op::Flatten, &[&side]);
    b.linear("aux.fc", &side, 4);
    let x = b.classifier(&x);
    let mut graph = b.finish(&x).unwrap();
    graph.auxiliary.push(Auxiliary { output: "aux.fc".into(), loss_weight: 0.3 });
    assert_snapshot("split-shuffle", &graph);
}

/// The first block of a small vision transformer.
#[test]
fn a_block_of_a_transformer() {
    let mut b = GraphBuilder::new("vit", [3, 32, 32], 10);
    let x = b.push("conv_proj", Op::Conv2d(Conv2d::new(3, 12, 16).stride(16).with_bias()), &[INPUT]);
    let x = b.push("tokens", Op::Tokens, &[&x]);
    let x = b.push("class_token", Op::ClassToken { features: 12 }, &[&x]);
    let x = b.push("pos_embedding", Op::PositionEmbedding { tokens: 5, features: 12 }, &[&x]);
    let norm = || Op::LayerNorm(LayerNorm { features: 12, eps: 1e-6 });
    let y = b.push("block.ln_1", norm(), &[&x]);
    let y = b.push("block.attention", Op::Attention(Attention::new(12, 3)), &[&y]);
    let y = b.linear("block.attention.out_proj", &y, 12);
    let x = b.add("block.add_1", &y, &x);
    let y = b.push("block.ln_2", norm(), &[&x]);
    let y = b.linear("block.mlp.0", &y, 48);
    let y = b.push("block.mlp.1", Op::Gelu, &[&y]);
    let y = b.push("block.mlp.2", Op::Dropout { p: 0.1 }, &[&y]);
    let y = b.linear("block.mlp.3", &y, 12);
    let x = b.add("block.add_2", &y, &x);
    let x = b.push("take", Op::TakeToken { index: 0 }, &[&x]);
    let x = b.linear("head", &x, 10);
    assert_snapshot("transformer-block", &b.finish(&x).unwrap());
}

/// Two graphs with different attributes must never look alike, or a snapshot would miss the change.
#[test]
fn each_attribute_can_be_seen() {
    let (conv, pool) = (Conv2d::new(4, 4, 3), Pool2d::new(3));
    let attention = Attention { in_features: 4, heads: 2, head_dim: 2, scale: 0.5 };
    let quant = QuantSpec::UINT8_ACTIVATION;
    let ops = [
        Op::Conv2d(conv.clone()),
        Op::Conv2d(Conv2d { in_channels: 8, ..conv.clone() }),
        Op::Conv2d(Conv2d { out_channels: 8, ..conv.clone() }),
        Op::Conv2d(Conv2d { kernel: [3, 1], ..conv.clone() }),
        Op::Conv2d(Conv2d { kernel: [1, 3], ..conv.clone() }),
        Op::Conv2d(Conv2d { stride: [2, 1], ..conv.clone() }),
        Op::Conv2d(Conv2d { padding: [2, 1], ..conv.clone() }),
        Op::Conv2d(Conv2d { dilation: [2, 1], ..conv.clone() }),
        Op::Conv2d(Conv2d { groups: 2, ..conv.clone() }),
        Op::Conv2d(Conv2d { bias: true, ..conv.clone() }),
        Op::Conv2d(Conv2d { weight_quant: Some(quant), ..conv }),
        Op::BatchNorm2d(BatchNorm2d { features: 4, eps: 1e-5, momentum: 0.1 }),
        Op::BatchNorm2d(BatchNorm2d { features: 4, eps: 1e-3, momentum: 0.1 }),
        Op::BatchNorm2d(BatchNorm2d { features: 4, eps: 1e-5, momentum: 0.01 }),
        Op::LayerNorm(LayerNorm { features: 4, eps: 1e-6 }),
        Op::LayerNorm(LayerNorm { features: 4, eps: 1e-5 }),
        Op::Linear(Linear { bias: true, ..Linear::new(2, 4) }),
        Op::Linear(Linear { bias: false, ..Linear::new(2, 4) }),
        Op::Linear(Linear { weight_quant: Some(quant), ..Linear::new(2, 4) }),
        Op::MaxPool2d(pool.clone()),
        Op::MaxPool2d(Pool2d { stride: [1, 2], ..pool.clone() }),
        Op::MaxPool2d(Pool2d { padding: [1, 0], ..pool.clone() }),
        Op::MaxPool2d(Pool2d { ceil: true, ..pool.clone() }),
        Op::MaxPool2d(Pool2d { exclude_padding: true, ..pool }),
        Op::Attention(Attention { heads: 4, head_dim: 1, ..attention.clone() }),
        Op::Attention(Attention { scale: 0.25, ..attention.clone() }),
        Op::Attention(attention),
        Op::FakeQuant(quant),
        Op::FakeQuant(QuantSpec { bits: 4, ..quant }),
        Op::FakeQuant(QuantSpec { signed: true, ..quant }),
        Op::FakeQuant(QuantSpec { symmetric: true, ..quant }),
        Op::FakeQuant(QuantSpec { per_channel: true, ..quant }),
    ];
    for (i, left) in ops.iter().enumerate() {
        for right in &ops[i + 1..] {
            let text = |op: &Op| format!("{} {}", op.kind(), attributes(op).join(" "));
            assert_ne!(text(left), text(right), "{left:?} and {right:?}");
        }
    }
}

#[test]
fn a_graph_that_does_not_fit_together_can_be_printed() {
    let mut graph = zoo::build("tiny-cnn", &ZooOptions::default()).unwrap();
    graph.nodes.remove(1);
    let text = graph.to_string();
    assert_eq!(text.lines().count(), graph.nodes.len() + 2);
    assert!(text.lines().nth(2).unwrap().ends_with(" : ?"), "{text}");
}
