//! MobileNetV3 (Howard et al., "Searching for MobileNetV3", ICCV 2019) with torchvision's names.

use super::ZooOptions;
use super::blocks::{After, Sequential, Window, conv_norm, squeeze_excitation};
use super::options::divisible;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::Op;

/// A row of the paper's table.
struct Row {
    kernel: usize,
    expanded: usize,
    out: usize,
    squeeze: bool,
    hardswish: bool,
    stride: usize,
}

const fn row(kernel: usize, expanded: usize, out: usize, squeeze: bool, hardswish: bool, stride: usize) -> Row {
    Row { kernel, expanded, out, squeeze, hardswish, stride }
}

/// Table 2, behind the stem of 16 channels.
const SMALL: [Row; 11] = [
    row(3, 16, 16, true, false, 2),
    row(3, 72, 24, false, false, 2),
    row(3, 88, 24, false, false, 1),
    row(5, 96, 40, true, true, 2),
    row(5, 240, 40, true, true, 1),
    row(5, 240, 40, true, true, 1),
    row(5, 120, 48, true, true, 1),
    row(5, 144, 48, true, true, 1),
    row(5, 288, 96, true, true, 2),
    row(5, 576, 96, true, true, 1),
    row(5, 576, 96, true, true, 1),
];

/// Batch norm is slower and safer than PyTorch's default here.
fn after(activation: Op) -> After {
    After { eps: 1e-3, momentum: 0.01, activation: Some(activation) }
}

/// 1×1 to more channels, depthwise, squeeze and excitation, and 1×1 back; beside a shortcut where the shape stays.
fn inverted_residual(b: &mut GraphBuilder, prefix: &str, input: &str, row: &Row, options: &ZooOptions) -> String {
    let after = after(if row.hardswish { Op::Hardswish } else { Op::Relu });
    let (expanded, out) = (options.channels(row.expanded), options.channels(row.out));
    let mut layer = 0;
    let mut name = || {
        layer += 1;
        format!("{prefix}.block.{}", layer - 1)
    };
    let mut x = input.to_owned();
    if expanded != b.channels(input) {
        x = conv_norm(b, &name(), &x, Window::pointwise(expanded), &after);
    }
    x = conv_norm(b, &name(), &x, Window::depthwise(expanded, row.kernel, row.stride), &after);
    if row.squeeze {
        let squeeze = divisible((expanded / 4) as f64);
        x = squeeze_excitation(b, &name(), &x, squeeze, [Op::Relu, Op::Hardsigmoid]);
    }
    x = conv_norm(b, &name(), &x, Window::pointwise(out), &after.linear());
    if row.stride == 1 && b.channels(input) == out { b.add(&format!("{prefix}.add"), &x, input) } else { x }
}

pub(super) fn mobilenet_v3_small(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let hardswish = after(Op::Hardswish);
    let stem = Window { out: options.channels(16), kernel: 3, stride: 2, groups: 1 };
    let mut x = Sequential::new(b, "features", INPUT);
    x.block(|b, name, input| conv_norm(b, name, input, stem, &hardswish));
    for row in &SMALL {
        x.block(|b, name, input| inverted_residual(b, name, input, row, options));
    }
    let last = 6 * options.channels(96);
    x.block(|b, name, input| conv_norm(b, name, input, Window::pointwise(last), &hardswish));
    let x = x.end();
    let x = b.global_avg_pool("avgpool", &x);
    let x = b.flatten("flatten", &x);
    let mut x = Sequential::new(b, "classifier", &x);
    x.linear(options.channels(1024)).op(Op::Hardswish).dropout(0.2).linear(options.classes);
    x.end()
}
