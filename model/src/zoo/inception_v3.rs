//! Inception v3 (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016) with torchvision's
//! names. Modules A to E are those of the paper's figures 5, 10, 6, 10 and 7.

use super::ZooOptions;
use super::inception::{basic_conv, image};
use crate::graph::GraphBuilder;
use crate::init::{Bias, Exception, Layer, Scheme, Weight};
use crate::op::{Conv2d, Op, Pool2d};

/// torchvision's; its normal numbers are cut off at ±2, which is 20 deviations away.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::Normal(0.1), Bias::Zero),
    linear: Layer(Weight::Normal(0.1), Bias::PyTorch),
    exceptions: &[Exception { suffix: "AuxLogits.fc", layer: Layer(Weight::Normal(0.001), Bias::PyTorch) }],
};

/// What the loss of the auxiliary classifier is multiplied by (torchvision's reference training).
const AUXILIARY_WEIGHT: f64 = 0.4;

/// Builds the convolutions of one module.
struct Module<'a> {
    b: &'a mut GraphBuilder,
    prefix: &'a str,
    options: &'a ZooOptions,
}

impl Module<'_> {
    fn name(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.prefix)
    }

    /// A convolution of `kernel` height × width that keeps the size.
    fn conv(&mut self, name: &str, input: &str, out: usize, kernel: [usize; 2]) -> String {
        let padding = kernel.map(|side| side / 2);
        let conv = Conv2d::new(self.b.channels(input), self.options.channels(out), 1);
        basic_conv(self.b, &self.name(name), input, Conv2d { kernel, padding, ..conv })
    }

    /// A chain of them, named `<name>_1`, `<name>_2`, …
    fn chain(&mut self, name: &str, input: &str, layers: &[(usize, [usize; 2])]) -> String {
        let mut x = input.to_owned();
        for (i, (out, kernel)) in (1..).zip(layers) {
            x = self.conv(&format!("{name}_{i}"), &x, *out, *kernel);
        }
        x
    }

    /// A 3×3 convolution without padding that halves the image.
    fn halve(&mut self, name: &str, input: &str, out: usize) -> String {
        let conv = Conv2d::new(self.b.channels(input), self.options.channels(out), 3).stride(2);
        basic_conv(self.b, &self.name(name), input, conv)
    }

    /// Means of 3×3 windows, then a 1×1 convolution.
    fn pool(&mut self, input: &str, out: usize) -> String {
        let window = Pool2d::new(3).stride(1).padding(1);
        let x = self.b.push(&self.name("pool"), Op::AvgPool2d(window), &[input]);
        self.conv("branch_pool", &x, out, [1, 1])
    }

    /// The largest of 3×3 windows, halving the image.
    fn max_pool(&mut self, input: &str) -> String {
        self.b.push(&self.name("pool"), Op::MaxPool2d(Pool2d::new(3).stride(2)), &[input])
    }

    fn concat(&mut self, suffix: &str, branches: &[&str]) -> String {
        self.b.concat(&self.name(suffix), branches)
    }

    fn a(mut self, input: &str, pool: usize) -> String {
        let one = self.conv("branch1x1", input, 64, [1, 1]);
        let five = self.chain("branch5x5", input, &[(48, [1, 1]), (64, [5, 5])]);
        let double = self.chain("branch3x3dbl", input, &[(64, [1, 1]), (96, [3, 3]), (96, [3, 3])]);
        let pool = self.pool(input, pool);
        self.concat("concat", &[&one, &five, &double, &pool])
    }

    fn b(mut self, input: &str) -> String {
        let three = self.halve("branch3x3", input, 384);
        let double = self.chain("branch3x3dbl", input, &[(64, [1, 1]), (96, [3, 3])]);
        let double = self.halve("branch3x3dbl_3", &double, 96);
        let pool = self.max_pool(input);
        self.concat("concat", &[&three, &double, &pool])
    }

    /// `c` is the width inside of the chains of 1×7 and 7×1.
    fn c(mut self, input: &str, c: usize) -> String {
        let one = self.conv("branch1x1", input, 192, [1, 1]);
        let seven = self.chain("branch7x7", input, &[(c, [1, 1]), (c, [1, 7]), (192, [7, 1])]);
        let double = [(c, [1, 1]), (c, [7, 1]), (c, [1, 7]), (c, [7, 1]), (192, [1, 7])];
        let double = self.chain("branch7x7dbl", input, &double);
        let pool = self.pool(input, 192);
        self.concat("concat", &[&one, &seven, &double, &pool])
    }

    fn d(mut self, input: &str) -> String {
        let three = self.chain("branch3x3", input, &[(192, [1, 1])]);
        let three = self.halve("branch3x3_2", &three, 320);
        let seven = self.chain("branch7x7x3", input, &[(192, [1, 1]), (192, [1, 7]), (192, [7, 1])]);
        let seven = self.halve("branch7x7x3_4", &seven, 192);
        let pool = self.max_pool(input);
        self.concat("concat", &[&three, &seven, &pool])
    }

    fn e(mut self, input: &str) -> String {
        let one = self.conv("branch1x1", input, 320, [1, 1]);
        let three = self.conv("branch3x3_1", input, 384, [1, 1]);
        let three = self.split("branch3x3", ["2a", "2b"], &three);
        let double = self.chain("branch3x3dbl", input, &[(448, [1, 1]), (384, [3, 3])]);
        let double = self.split("branch3x3dbl", ["3a", "3b"], &double);
        let pool = self.pool(input, 192);
        self.concat("concat", &[&one, &three, &double, &pool])
    }

    /// 1×3 and 3×1 side by side.
    fn split(&mut self, branch: &str, suffixes: [&str; 2], input: &str) -> String {
        let wide = self.conv(&format!("{branch}_{}", suffixes[0]), input, 384, [1, 3]);
        let high = self.conv(&format!("{branch}_{}", suffixes[1]), input, 384, [3, 1]);
        self.concat(&format!("{branch}_concat"), &[&wide, &high])
    }
}

/// 3×3 convolutions without padding, 1×1, and pooling, to an eighth of the image.
fn stem(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let mut x = image(b, options);
    let conv = |b: &mut GraphBuilder, name: &str, x: &str, out, kernel, stride, padding| {
        let conv = Conv2d::new(b.channels(x), options.channels(out), kernel).stride(stride).padding(padding);
        basic_conv(b, name, x, conv)
    };
    let pool = Op::MaxPool2d(Pool2d::new(3).stride(2));
    x = conv(b, "Conv2d_1a_3x3", &x, 32, 3, 2, 0);
    x = conv(b, "Conv2d_2a_3x3", &x, 32, 3, 1, 0);
    x = conv(b, "Conv2d_2b_3x3", &x, 64, 3, 1, 1);
    x = b.push("maxpool1", pool.clone(), &[&x]);
    x = conv(b, "Conv2d_3b_1x1", &x, 80, 1, 1, 0);
    x = conv(b, "Conv2d_4a_3x3", &x, 192, 3, 1, 0);
    b.push("maxpool2", pool, &[&x])
}

/// Behind its pooling, the image must be 5×5 at least, as it is with the published size. For smaller images, to which
/// torchvision's auxiliary classifier cannot be applied, it is brought to that, so that the same weights fit.
fn auxiliary(b: &mut GraphBuilder, input: &str, options: &ZooOptions) {
    let x = if b.shape(input).iter().skip(1).any(|side| *side < 5 + 4 * 3) {
        b.adaptive_avg_pool("AuxLogits.pool", input, [5, 5])
    } else {
        b.push("AuxLogits.pool", Op::AvgPool2d(Pool2d::new(5).stride(3)), &[input])
    };
    let conv = Conv2d::new(b.channels(&x), options.channels(128), 1);
    let x = basic_conv(b, "AuxLogits.conv0", &x, conv);
    let conv = Conv2d::new(b.channels(&x), options.channels(768), 5);
    let x = basic_conv(b, "AuxLogits.conv1", &x, conv);
    let x = b.global_avg_pool("AuxLogits.avgpool", &x);
    let x = b.flatten("AuxLogits.flatten", &x);
    let logits = b.linear("AuxLogits.fc", &x, options.classes);
    b.auxiliary(&logits, AUXILIARY_WEIGHT);
}

pub(super) fn inception_v3(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let mut x = stem(b, options);
    for (name, pool) in [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)] {
        x = Module { b, prefix: name, options }.a(&x, pool);
    }
    x = Module { b, prefix: "Mixed_6a", options }.b(&x);
    for (name, width) in [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)] {
        x = Module { b, prefix: name, options }.c(&x, width);
    }
    auxiliary(b, &x, options);
    x = Module { b, prefix: "Mixed_7a", options }.d(&x);
    x = Module { b, prefix: "Mixed_7b", options }.e(&x);
    x = Module { b, prefix: "Mixed_7c", options }.e(&x);
    let x = b.global_avg_pool("avgpool", &x);
    let x = b.dropout("dropout", &x, 0.5);
    let x = b.flatten("flatten", &x);
    b.linear("fc", &x, options.classes)
}
