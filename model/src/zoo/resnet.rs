//! Residual networks (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016) with torchvision's names.

use super::ZooOptions;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::{Op, Pool2d};

/// torchvision's `BasicBlock`: two 3×3 convolutions beside a shortcut.
fn basic_block(b: &mut GraphBuilder, prefix: &str, input: &str, width: usize, stride: usize) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let x = b.conv(&name("conv1"), input, width, 3, stride);
    let x = b.batch_norm(&name("bn1"), &x);
    let x = b.relu(&name("relu1"), &x);
    let x = b.conv(&name("conv2"), &x, width, 3, 1);
    let x = b.batch_norm(&name("bn2"), &x);
    let shortcut = shortcut(b, prefix, input, width, stride);
    let x = b.add(&name("add"), &x, &shortcut);
    b.relu(&name("relu2"), &x)
}

/// torchvision's `Bottleneck`: 1×1, 3×3 and 1×1 to four times the width. The stride sits at the 3×3 convolution (known as
/// version 1.5), not at the first 1×1 as in the paper.
fn bottleneck(b: &mut GraphBuilder, prefix: &str, input: &str, width: usize, stride: usize) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let x = b.conv(&name("conv1"), input, width, 1, 1);
    let x = b.batch_norm(&name("bn1"), &x);
    let x = b.relu(&name("relu1"), &x);
    let x = b.conv(&name("conv2"), &x, width, 3, stride);
    let x = b.batch_norm(&name("bn2"), &x);
    let x = b.relu(&name("relu2"), &x);
    let x = b.conv(&name("conv3"), &x, 4 * width, 1, 1);
    let x = b.batch_norm(&name("bn3"), &x);
    let shortcut = shortcut(b, prefix, input, 4 * width, stride);
    let x = b.add(&name("add"), &x, &shortcut);
    b.relu(&name("relu3"), &x)
}

/// The block's input itself, or a 1×1 convolution of it where the shape changes.
fn shortcut(b: &mut GraphBuilder, prefix: &str, input: &str, width: usize, stride: usize) -> String {
    if stride == 1 && b.channels(input) == width {
        return input.to_owned();
    }
    let s = b.conv(&format!("{prefix}.downsample.0"), input, width, 1, stride);
    b.batch_norm(&format!("{prefix}.downsample.1"), &s)
}

type Block = fn(&mut GraphBuilder, &str, &str, usize, usize) -> String;

/// One stage for each `(width, number of blocks)`; every stage but the first halves the image.
fn stages(b: &mut GraphBuilder, options: &ZooOptions, stem: &str, block: Block, stages: &[(usize, usize)]) -> String {
    let mut x = stem.to_owned();
    for (stage, &(width, depth)) in stages.iter().enumerate() {
        for i in 0..depth {
            let stride = if stage > 0 && i == 0 { 2 } else { 1 };
            x = block(b, &format!("layer{}.{i}", stage + 1), &x, options.channels(width), stride);
        }
    }
    b.classifier(&x)
}

/// 7×7 and max pooling bring 224×224 to 56×56.
fn imagenet(b: &mut GraphBuilder, options: &ZooOptions, block: Block, depths: [usize; 4]) -> String {
    let x = b.conv("conv1", INPUT, options.channels(64), 7, 2);
    let x = b.batch_norm("bn1", &x);
    let x = b.relu("relu", &x);
    let x = b.push("maxpool", Op::MaxPool2d(Pool2d::new(3).stride(2).padding(1)), &[&x]);
    let widths = [64, 128, 256, 512];
    stages(b, options, &x, block, &widths.into_iter().zip(depths).collect::<Vec<_>>())
}

/// A 3×3 stem of the first width and no pooling.
fn cifar(b: &mut GraphBuilder, options: &ZooOptions, widths: &[usize], depth: usize) -> String {
    let x = b.conv("conv1", INPUT, options.channels(widths[0]), 3, 1);
    let x = b.batch_norm("bn1", &x);
    let x = b.relu("relu", &x);
    stages(b, options, &x, basic_block, &widths.iter().map(|width| (*width, depth)).collect::<Vec<_>>())
}

pub(super) fn resnet18(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    imagenet(b, options, basic_block, [2, 2, 2, 2])
}

pub(super) fn resnet34(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    imagenet(b, options, basic_block, [3, 4, 6, 3])
}

pub(super) fn resnet50(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    imagenet(b, options, bottleneck, [3, 4, 6, 3])
}

pub(super) fn resnet18_cifar(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    cifar(b, options, &[64, 128, 256, 512], 2)
}

/// Shortcuts are projections (option B): the paper's option A pads with zero channels, which needs no parameters but cannot be
/// quantized or pruned as one group.
pub(super) fn resnet20_cifar(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    cifar(b, options, &[16, 32, 64], 3)
}

/// As [`resnet20_cifar`], with nine blocks in each stage.
pub(super) fn resnet56_cifar(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    cifar(b, options, &[16, 32, 64], 9)
}
