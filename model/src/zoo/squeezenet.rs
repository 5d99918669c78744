//! SqueezeNet (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016) with
//! torchvision's names.

use super::ZooOptions;
use super::blocks::Sequential;
use crate::graph::{GraphBuilder, INPUT};
use crate::init::{Bias, Exception, Layer, Scheme, Weight};
use crate::op::{Conv2d, Op, Pool2d};

/// torchvision's: the last convolution, which is the classifier, begins small.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::KaimingUniform, Bias::Zero),
    linear: Layer(Weight::PyTorch, Bias::PyTorch),
    exceptions: &[Exception { suffix: "classifier.1", layer: Layer(Weight::Normal(0.01), Bias::Zero) }],
};

/// A 1×1 convolution to few channels, then 1×1 and 3×3 ones side by side. `width` is that of each of the two.
fn fire(b: &mut GraphBuilder, prefix: &str, input: &str, squeeze: usize, width: usize) -> String {
    let mut conv = |name: &str, input: &str, out: usize, kernel: usize| {
        let conv = Conv2d::new(b.channels(input), out, kernel).padding(kernel / 2).with_bias();
        let x = b.push(&format!("{prefix}.{name}"), Op::Conv2d(conv), &[input]);
        b.relu(&format!("{prefix}.{name}_activation"), &x)
    };
    let squeezed = conv("squeeze", input, squeeze, 1);
    let small = conv("expand1x1", &squeezed, width, 1);
    let large = conv("expand3x3", &squeezed, width, 3);
    b.concat(&format!("{prefix}.concat"), &[&small, &large])
}

enum Step {
    Fire(usize, usize),
    Pool,
}

use Step::{Fire, Pool};

fn squeezenet(b: &mut GraphBuilder, options: &ZooOptions, stem: (usize, usize), steps: &[Step]) -> String {
    let w = |channels| options.channels(channels);
    let pool = Op::MaxPool2d(Pool2d::new(3).stride(2).ceil());
    let mut x = Sequential::new(b, "features", INPUT);
    x.conv(w(stem.0), stem.1, 2, 0).relu();
    for step in steps {
        match *step {
            Fire(squeeze, width) => x.block(|b, name, input| fire(b, name, input, w(squeeze), w(width))),
            Pool => x.op(pool.clone()),
        };
    }
    let x = x.end();
    let mut x = Sequential::new(b, "classifier", &x);
    x.dropout(0.5).conv(options.classes, 1, 1, 0).relu().op(Op::GlobalAvgPool);
    let x = x.end();
    b.flatten("flatten", &x)
}

pub(super) fn squeezenet1_0(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let early = [Pool, Fire(16, 64), Fire(16, 64), Fire(32, 128), Pool];
    let late = [Fire(32, 128), Fire(48, 192), Fire(48, 192), Fire(64, 256), Pool, Fire(64, 256)];
    let steps: Vec<Step> = early.into_iter().chain(late).collect();
    squeezenet(b, options, (96, 7), &steps)
}

/// 2.4 times fewer multiply–accumulates than 1.0 at the same accuracy: a smaller stem, and pooling earlier.
pub(super) fn squeezenet1_1(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let early = [Pool, Fire(16, 64), Fire(16, 64), Pool, Fire(32, 128), Fire(32, 128), Pool];
    let late = [Fire(48, 192), Fire(48, 192), Fire(64, 256), Fire(64, 256)];
    let steps: Vec<Step> = early.into_iter().chain(late).collect();
    squeezenet(b, options, (64, 3), &steps)
}
