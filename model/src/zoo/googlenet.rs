//! GoogLeNet (Szegedy et al., "Going Deeper with Convolutions", CVPR 2015) with batch norm and torchvision's names.

use super::ZooOptions;
use super::inception::{basic_conv, image};
use crate::graph::GraphBuilder;
use crate::init::{Bias, Layer, Scheme, Weight};
use crate::op::{Conv2d, Op, Pool2d};

/// torchvision's; its normal numbers are cut off at ±2, which is 200 deviations away.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::Normal(0.01), Bias::Zero),
    linear: Layer(Weight::Normal(0.01), Bias::PyTorch),
    exceptions: &[],
};

/// What the loss of each of the two auxiliary classifiers is multiplied by (§5 of the paper).
const AUXILIARY_WEIGHT: f64 = 0.3;

/// Names and widths of the modules, a row of the paper's table 1 each: 1×1; 3×3 behind its reduction; 5×5 behind its
/// reduction; and the projection behind pooling.
const STAGES: [&[(&str, [usize; 6])]; 3] = [
    &[("3a", [64, 96, 128, 16, 32, 32]), ("3b", [128, 128, 192, 32, 96, 64])],
    &[
        ("4a", [192, 96, 208, 16, 48, 64]),
        ("4b", [160, 112, 224, 24, 64, 64]),
        ("4c", [128, 128, 256, 24, 64, 64]),
        ("4d", [112, 144, 288, 32, 64, 64]),
        ("4e", [256, 160, 320, 32, 128, 128]),
    ],
    &[("5a", [256, 160, 320, 32, 128, 128]), ("5b", [384, 192, 384, 48, 128, 128])],
];

fn conv(b: &mut GraphBuilder, name: &str, input: &str, out: usize, kernel: usize) -> String {
    let conv = Conv2d::new(b.channels(input), out, kernel).padding(kernel / 2);
    basic_conv(b, name, input, conv)
}

/// Four branches side by side. The one that the paper calls 5×5 is 3×3, as in torchvision, whose weights it must take.
fn module(b: &mut GraphBuilder, prefix: &str, input: &str, widths: [usize; 6]) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let [one, reduce3, three, reduce5, five, projection] = widths;
    let branch1 = conv(b, &name("branch1"), input, one, 1);
    let x = conv(b, &name("branch2.0"), input, reduce3, 1);
    let branch2 = conv(b, &name("branch2.1"), &x, three, 3);
    let x = conv(b, &name("branch3.0"), input, reduce5, 1);
    let branch3 = conv(b, &name("branch3.1"), &x, five, 3);
    let x = b.push(&name("branch4.0"), Op::MaxPool2d(Pool2d::new(3).stride(1).padding(1)), &[input]);
    let branch4 = conv(b, &name("branch4.1"), &x, projection, 1);
    b.concat(&name("concat"), &[&branch1, &branch2, &branch3, &branch4])
}

fn auxiliary(b: &mut GraphBuilder, prefix: &str, input: &str, options: &ZooOptions) {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let x = b.adaptive_avg_pool(&name("avgpool"), input, [4, 4]);
    let x = conv(b, &name("conv"), &x, options.channels(128), 1);
    let x = b.flatten(&name("flatten"), &x);
    let x = b.linear(&name("fc1"), &x, options.channels(1024));
    let x = b.relu(&name("relu"), &x);
    let x = b.dropout(&name("dropout"), &x, 0.7);
    let logits = b.linear(&name("fc2"), &x, options.classes);
    b.auxiliary(&logits, AUXILIARY_WEIGHT);
}

pub(super) fn googlenet(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let w = |channels| options.channels(channels);
    let pool = |kernel| Op::MaxPool2d(Pool2d::new(kernel).stride(2).ceil());
    let image = image(b, options);
    let stem = Conv2d::new(b.channels(&image), w(64), 7).stride(2).padding(3);
    let x = basic_conv(b, "conv1", &image, stem);
    let x = b.push("maxpool1", pool(3), &[&x]);
    let x = conv(b, "conv2", &x, w(64), 1);
    let mut x = conv(b, "conv3", &x, w(192), 3);
    for ((name, kernel), stage) in [("maxpool2", 3), ("maxpool3", 3), ("maxpool4", 2)].into_iter().zip(STAGES) {
        x = b.push(name, pool(kernel), &[&x]);
        for (module_name, widths) in stage {
            x = module(b, &format!("inception{module_name}"), &x, widths.map(w));
            match *module_name {
                "4a" => auxiliary(b, "aux1", &x, options),
                "4d" => auxiliary(b, "aux2", &x, options),
                _ => {}
            }
        }
    }
    let x = b.global_avg_pool("avgpool", &x);
    let x = b.flatten("flatten", &x);
    let x = b.dropout("dropout", &x, 0.2);
    b.linear("fc", &x, options.classes)
}
