//! What GoogLeNet and Inception v3 share: their convolution, and how they bring images to `[-1, 1]`.

use super::ZooOptions;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::{BatchNorm2d, Conv2d, Op};

/// torchvision's `BasicConv2d`: convolution `prefix.conv`, batch norm `prefix.bn` with an `eps` of 0.001, and ReLU.
pub(super) fn basic_conv(b: &mut GraphBuilder, prefix: &str, input: &str, conv: Conv2d) -> String {
    let norm = BatchNorm2d { eps: 1e-3, ..BatchNorm2d::new(conv.out_channels) };
    let x = b.push(&format!("{prefix}.conv"), Op::Conv2d(conv), &[input]);
    let x = b.push(&format!("{prefix}.bn"), Op::BatchNorm2d(norm), &[&x]);
    b.relu(&format!("{prefix}.relu"), &x)
}

/// ImageNet's mean and deviation in torchvision's transforms, by channel.
const IMAGENET: [(f64, f64); 3] = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)];

/// The image, brought from ImageNet's statistics to mean and deviation 1/2 where the options ask for it.
pub(super) fn image(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    if !options.transform_input {
        return INPUT.into();
    }
    let scale = IMAGENET.iter().map(|(_, deviation)| deviation / 0.5).collect();
    let shift = IMAGENET.iter().map(|(mean, _)| (mean - 0.5) / 0.5).collect();
    b.push("transform_input", Op::InputAffine { scale, shift }, &[INPUT])
}
