//! Students for distillation on 32×32 images: small chains between 187 k and 654 k parameters (for ten classes) that differ in
//! one thing from each other: a linear layer less, 1×1 windows, more layers, fewer channels.

use super::ZooOptions;
use crate::graph::{GraphBuilder, INPUT};

/// One convolution with batch norm and ReLU.
#[derive(Clone, Copy)]
struct Conv {
    width: usize,
    kernel: usize,
    pool: bool,
}

/// 3×3, and the image is halved behind it.
const fn halving(width: usize) -> Conv {
    Conv { width, kernel: 3, pool: true }
}

/// 3×3.
const fn keeping(width: usize) -> Conv {
    Conv { width, kernel: 3, pool: false }
}

impl Conv {
    /// The same with 1×1 windows.
    const fn pointwise(self) -> Self {
        Self { kernel: 1, ..self }
    }
}

/// `conv<i>`, `bn<i>`, `relu<i>` and `pool<i>`, then on all that is left of the image a hidden layer `fc1` if it has a width,
/// and the logits.
fn student(b: &mut GraphBuilder, options: &ZooOptions, convs: &[Conv], hidden: Option<usize>) -> String {
    let mut x = INPUT.to_owned();
    for (i, conv) in (1..).zip(convs) {
        x = b.conv(&format!("conv{i}"), &x, options.channels(conv.width), conv.kernel, 1);
        x = b.batch_norm(&format!("bn{i}"), &x);
        x = b.relu(&format!("relu{i}"), &x);
        if conv.pool {
            x = b.max_pool(&format!("pool{i}"), &x, 2);
        }
    }
    x = b.flatten("flatten", &x);
    if let Some(width) = hidden {
        x = b.linear("fc1", &x, options.channels(width));
        x = b.relu("relu_fc1", &x);
    }
    b.linear("fc", &x, options.classes)
}

const FOUR: [Conv; 4] = [halving(32), halving(64), halving(128), halving(256)];

pub(super) fn conv4_fc2(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    student(b, options, &FOUR, Some(256))
}

pub(super) fn conv4_fc1(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    student(b, options, &FOUR, None)
}

pub(super) fn conv4_fc2_1x1(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let [first, second, third, fourth] = FOUR;
    student(b, options, &[first, second.pointwise(), third, fourth.pointwise()], Some(256))
}

pub(super) fn conv3_fc2(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    student(b, options, &FOUR[..3], Some(128))
}

pub(super) fn conv6_fc1(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let convs = [halving(32), keeping(32), halving(48), keeping(64), halving(128), halving(128)];
    student(b, options, &convs, None)
}

pub(super) fn conv6_fc1_narrow(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let convs = [halving(32), keeping(32), halving(48), keeping(48), halving(128), halving(128)];
    student(b, options, &convs, None)
}

pub(super) fn conv6_fc1_1x1(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let convs =
        [halving(32), keeping(32).pointwise(), halving(32), keeping(64), halving(128).pointwise(), halving(128)];
    student(b, options, &convs, None)
}

pub(super) fn conv5_fc1(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    student(b, options, &[halving(16), halving(32), halving(32), halving(96), keeping(160)], None)
}
