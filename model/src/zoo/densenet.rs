//! DenseNet (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017) with torchvision's names.

use super::ZooOptions;
use crate::graph::{GraphBuilder, INPUT};
use crate::init::{Bias, Layer, Scheme, Weight};
use crate::op::{Op, Pool2d};

/// torchvision's.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::KaimingNormalFanIn, Bias::Zero),
    linear: Layer(Weight::PyTorch, Bias::Zero),
    exceptions: &[],
};

/// Batch norm, activation and convolution, in this order, and then the new channels are put behind all earlier ones.
fn dense_layer(b: &mut GraphBuilder, prefix: &str, input: &str, growth: usize) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let x = b.batch_norm(&name("norm1"), input);
    let x = b.relu(&name("relu1"), &x);
    let x = b.conv(&name("conv1"), &x, 4 * growth, 1, 1);
    let x = b.batch_norm(&name("norm2"), &x);
    let x = b.relu(&name("relu2"), &x);
    let x = b.conv(&name("conv2"), &x, growth, 3, 1);
    b.concat(&name("concat"), &[input, &x])
}

/// Halves both the channels and the image.
fn transition(b: &mut GraphBuilder, prefix: &str, input: &str) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let x = b.batch_norm(&name("norm"), input);
    let x = b.relu(&name("relu"), &x);
    let half = b.channels(&x) / 2;
    let x = b.conv(&name("conv"), &x, half, 1, 1);
    b.push(&name("pool"), Op::AvgPool2d(Pool2d::new(2)), &[&x])
}

pub(super) fn densenet121(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let growth = options.channels(32);
    let x = b.conv("features.conv0", INPUT, options.channels(64), 7, 2);
    let x = b.batch_norm("features.norm0", &x);
    let x = b.relu("features.relu0", &x);
    let mut x = b.push("features.pool0", Op::MaxPool2d(Pool2d::new(3).stride(2).padding(1)), &[&x]);
    for (block, depth) in (1..).zip([6, 12, 24, 16]) {
        for layer in 1..=depth {
            x = dense_layer(b, &format!("features.denseblock{block}.denselayer{layer}"), &x, growth);
        }
        if block < 4 {
            x = transition(b, &format!("features.transition{block}"), &x);
        }
    }
    let x = b.batch_norm("features.norm5", &x);
    let x = b.relu("relu", &x);
    let x = b.global_avg_pool("avgpool", &x);
    let x = b.flatten("flatten", &x);
    b.linear("classifier", &x, options.classes)
}
