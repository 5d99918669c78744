//! ShuffleNetV2 (Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", ECCV 2018) with
//! torchvision's names.

use super::ZooOptions;
use super::blocks::Sequential;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::{BatchNorm2d, Conv2d, Op, Pool2d};

/// `conv1` and `conv5`: convolution, batch norm, activation.
fn conv_norm(b: &mut GraphBuilder, prefix: &'static str, input: &str, conv: Conv2d) -> String {
    let norm = BatchNorm2d::new(conv.out_channels);
    let mut x = Sequential::new(b, prefix, input);
    x.op(Op::Conv2d(conv)).op(Op::BatchNorm2d(norm)).relu();
    x.end()
}

/// One side of a block: layers `prefix.0`, `.1`, …: a 1×1 convolution first if `expand`, then depthwise 3×3 and 1×1.
fn branch(b: &mut GraphBuilder, prefix: &str, input: &str, out: usize, stride: usize, expand: bool) -> String {
    let mut layer = 0;
    let mut name = || {
        layer += 1;
        format!("{prefix}.{}", layer - 1)
    };
    let mut x = input.to_owned();
    if expand {
        x = b.conv(&name(), &x, out, 1, 1);
        x = b.batch_norm(&name(), &x);
        x = b.relu(&name(), &x);
    }
    let channels = b.channels(&x);
    let depthwise = Conv2d::new(channels, channels, 3).stride(stride).padding(1).groups(channels);
    x = b.push(&name(), Op::Conv2d(depthwise), &[&x]);
    x = b.batch_norm(&name(), &x);
    x = b.conv(&name(), &x, out, 1, 1);
    x = b.batch_norm(&name(), &x);
    b.relu(&name(), &x)
}

/// Halves the image with both branches on all channels, or keeps it: then half of the channels pass by untouched.
fn block(b: &mut GraphBuilder, prefix: &str, input: &str, out: usize, stride: usize) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let half = out / 2;
    let (left, right) = if stride == 1 {
        let left = b.push(&name("left"), Op::Slice { start: 0, end: half }, &[input]);
        (left, b.push(&name("right"), Op::Slice { start: half, end: out }, &[input]))
    } else {
        (branch(b, &name("branch1"), input, half, stride, false), input.to_owned())
    };
    let right = branch(b, &name("branch2"), &right, half, stride, true);
    let x = b.concat(&name("concat"), &[&left, &right]);
    b.push(&name("shuffle"), Op::ChannelShuffle { groups: 2 }, &[&x])
}

pub(super) fn shufflenet_v2_x1_0(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let stem = Conv2d::new(b.channels(INPUT), options.channels(24), 3).stride(2).padding(1);
    let x = conv_norm(b, "conv1", INPUT, stem);
    let mut x = b.push("maxpool", Op::MaxPool2d(Pool2d::new(3).stride(2).padding(1)), &[&x]);
    for (stage, channels, depth) in [(2, 116, 4), (3, 232, 8), (4, 464, 4)] {
        for i in 0..depth {
            let stride = if i == 0 { 2 } else { 1 };
            x = block(b, &format!("stage{stage}.{i}"), &x, options.channels(channels), stride);
        }
    }
    let last = Conv2d::new(b.channels(&x), options.channels(1024), 1);
    let x = conv_norm(b, "conv5", &x, last);
    b.classifier(&x)
}
