//! EfficientNet (Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019) with
//! torchvision's names.

use super::ZooOptions;
use super::blocks::{After, Sequential, Window, conv_norm, mean_classifier, squeeze_excitation};
use super::options::divisible;
use crate::graph::{GraphBuilder, INPUT};
use crate::init::{Bias, Layer, Scheme, Weight};
use crate::op::Op;

/// torchvision's.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::KaimingNormalFanOut, Bias::Zero),
    linear: Layer(Weight::UniformFanOut, Bias::Zero),
    exceptions: &[],
};

/// A row of the paper's table 1.
struct Stage {
    expansion: usize,
    kernel: usize,
    stride: usize,
    out: usize,
    depth: usize,
}

const fn stage(expansion: usize, kernel: usize, stride: usize, out: usize, depth: usize) -> Stage {
    Stage { expansion, kernel, stride, out, depth }
}

const B0: [Stage; 7] = [
    stage(1, 3, 1, 16, 1),
    stage(6, 3, 2, 24, 2),
    stage(6, 5, 2, 40, 2),
    stage(6, 3, 2, 80, 3),
    stage(6, 5, 1, 112, 3),
    stage(6, 5, 2, 192, 4),
    stage(6, 3, 1, 320, 1),
];

/// How often the last block of the network is skipped in training; earlier ones in proportion to their place.
const STOCHASTIC_DEPTH: f64 = 0.2;

/// MobileNet's inverted residual with squeeze and excitation. `skipped` is the probability of stochastic depth.
fn mb_conv(b: &mut GraphBuilder, prefix: &str, input: &str, stage: &Stage, skipped: f64) -> String {
    let silu = After::new(Op::Silu);
    let channels = b.channels(input);
    let expanded = divisible((channels * stage.expansion) as f64);
    let mut layer = 0;
    let mut name = || {
        layer += 1;
        format!("{prefix}.block.{}", layer - 1)
    };
    let mut x = input.to_owned();
    if expanded != channels {
        x = conv_norm(b, &name(), &x, Window::pointwise(expanded), &silu);
    }
    x = conv_norm(b, &name(), &x, Window::depthwise(expanded, stage.kernel, stage.stride), &silu);
    x = squeeze_excitation(b, &name(), &x, (channels / 4).max(1), [Op::Silu, Op::Sigmoid]);
    x = conv_norm(b, &name(), &x, Window::pointwise(stage.out), &silu.linear());
    if stage.stride != 1 || channels != stage.out {
        return x;
    }
    if skipped > 0.0 {
        x = b.push(&format!("{prefix}.stochastic_depth"), Op::StochasticDepth { p: skipped }, &[&x]);
    }
    b.add(&format!("{prefix}.add"), &x, input)
}

pub(super) fn efficientnet_b0(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let silu = After::new(Op::Silu);
    let stem = Window { out: options.channels(32), kernel: 3, stride: 2, groups: 1 };
    let total: usize = B0.iter().map(|stage| stage.depth).sum();
    let mut done = 0;
    let mut x = Sequential::new(b, "features", INPUT);
    x.block(|b, name, input| conv_norm(b, name, input, stem, &silu));
    for published in &B0 {
        let out = options.channels(published.out);
        x.block(|b, name, input| {
            let mut x = input.to_owned();
            for i in 0..published.depth {
                let stride = if i == 0 { published.stride } else { 1 };
                let skipped = STOCHASTIC_DEPTH * done as f64 / total as f64;
                x = mb_conv(b, &format!("{name}.{i}"), &x, &Stage { stride, out, ..*published }, skipped);
                done += 1;
            }
            x
        });
    }
    let last = 4 * options.channels(320);
    x.block(|b, name, input| conv_norm(b, name, input, Window::pointwise(last), &silu));
    let x = x.end();
    mean_classifier(b, &x, 0.2, options.classes)
}
