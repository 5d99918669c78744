//! MobileNetV2 (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018) with torchvision's names.

use super::ZooOptions;
use super::blocks::{After, Sequential, Window, conv_norm, mean_classifier};
use crate::graph::{GraphBuilder, INPUT};
use crate::init::{Bias, Layer, Scheme, Weight};
use crate::op::Op;

/// torchvision's, and MobileNetV3's, too.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::KaimingNormalFanOut, Bias::Zero),
    linear: Layer(Weight::Normal(0.01), Bias::Zero),
    exceptions: &[],
};

/// Rows of the paper's table 2: expansion, channels, number of blocks, stride of the first.
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// 1×1 to more channels, depthwise 3×3, and 1×1 back without activation; beside a shortcut where the shape stays.
fn inverted_residual(
    b: &mut GraphBuilder,
    prefix: &str,
    input: &str,
    (expansion, out, stride): (usize, usize, usize),
) -> String {
    let relu6 = After::new(Op::Relu6);
    let hidden = b.channels(input) * expansion;
    let mut x = input.to_owned();
    let mut layer = 0;
    if expansion != 1 {
        x = conv_norm(b, &format!("{prefix}.conv.{layer}"), &x, Window::pointwise(hidden), &relu6);
        layer += 1;
    }
    x = conv_norm(b, &format!("{prefix}.conv.{layer}"), &x, Window::depthwise(hidden, 3, stride), &relu6);
    x = b.conv(&format!("{prefix}.conv.{}", layer + 1), &x, out, 1, 1);
    x = b.batch_norm(&format!("{prefix}.conv.{}", layer + 2), &x);
    if stride == 1 && b.channels(input) == out { b.add(&format!("{prefix}.add"), &x, input) } else { x }
}

pub(super) fn mobilenet_v2(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let relu6 = After::new(Op::Relu6);
    let stem = Window { out: options.channels(32), kernel: 3, stride: 2, groups: 1 };
    // The last convolution does not get narrower than published: at small widths it holds much of the accuracy.
    let last = ZooOptions { width: options.width.max(1.0), ..*options }.channels(1280);
    let mut x = Sequential::new(b, "features", INPUT);
    x.block(|b, name, input| conv_norm(b, name, input, stem, &relu6));
    for (expansion, channels, depth, stride) in STAGES {
        for i in 0..depth {
            let block = (expansion, options.channels(channels), if i == 0 { stride } else { 1 });
            x.block(|b, name, input| inverted_residual(b, name, input, block));
        }
    }
    x.block(|b, name, input| conv_norm(b, name, input, Window::pointwise(last), &relu6));
    let x = x.end();
    mean_classifier(b, &x, 0.2, options.classes)
}
