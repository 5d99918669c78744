//! Chains of convolutions for 32×32 images, and the linear baseline.

use super::ZooOptions;
use super::blocks::Sequential;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::{Conv2d, Op, Pool2d};

/// How a block of a chain halves the image.
#[derive(Clone, Copy)]
enum Down {
    No,
    Stride,
    Pool,
}

/// `conv<i>` 3×3 → `bn<i>` → `relu<i>`, then `pool<i>` where the block pools. Blocks count from 1.
fn block(b: &mut GraphBuilder, i: usize, input: &str, width: usize, down: Down) -> String {
    let stride = if matches!(down, Down::Stride) { 2 } else { 1 };
    let x = b.conv(&format!("conv{i}"), input, width, 3, stride);
    let x = b.batch_norm(&format!("bn{i}"), &x);
    let x = b.relu(&format!("relu{i}"), &x);
    if matches!(down, Down::Pool) { b.max_pool(&format!("pool{i}"), &x, 2) } else { x }
}

fn chain(b: &mut GraphBuilder, options: &ZooOptions, blocks: &[(usize, Down)]) -> String {
    let mut x = INPUT.to_owned();
    for (i, &(width, down)) in (1..).zip(blocks) {
        x = block(b, i, &x, options.channels(width), down);
    }
    b.classifier(&x)
}

pub(super) fn linear(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let flat = b.flatten("flatten", INPUT);
    b.linear("fc", &flat, options.classes)
}

/// One of each thing that passes have to deal with: a max-pool, a stride and a residual Add.
pub(super) fn tiny_cnn(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let w = |channels| options.channels(channels);
    let x = block(b, 1, INPUT, w(8), Down::Pool);
    let skip = block(b, 2, &x, w(24), Down::Stride);
    let x = b.conv("conv3", &skip, w(24), 3, 1);
    let x = b.batch_norm("bn3", &x);
    let x = b.add("add", &x, &skip);
    let x = b.relu("relu3", &x);
    b.classifier(&x)
}

/// Width doubles as the image halves, so that each pair of layers costs the same; most parameters sit where the image is
/// smallest. Widths are multiples of 16 for channels-last vector kernels.
pub(super) fn small_cnn(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    use Down::{No, Stride};
    let blocks = [(16, No), (32, Stride), (32, No), (64, Stride), (64, No), (128, Stride), (128, No)];
    chain(b, options, &blocks)
}

pub(super) fn kd_conv4(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    use Down::{No, Pool};
    chain(b, options, &[(16, Pool), (32, Pool), (48, Pool), (64, No)])
}

pub(super) fn kd_conv5(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    use Down::{No, Pool};
    chain(b, options, &[(32, Pool), (64, Pool), (96, Pool), (128, No), (144, No)])
}

/// The network of PyTorch's tutorial "Training a Classifier": two 5×5 convolutions without padding and three linear layers.
pub(super) fn simple_cnn(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let w = |channels| options.channels(channels);
    let mut x = INPUT.to_owned();
    for (i, out) in [(1, w(6)), (2, w(16))] {
        let conv = Conv2d::new(b.channels(&x), out, 5).with_bias();
        x = b.push(&format!("conv{i}"), Op::Conv2d(conv), &[&x]);
        x = b.relu(&format!("relu{i}"), &x);
        x = b.max_pool(&format!("pool{i}"), &x, 2);
    }
    x = b.flatten("flatten", &x);
    for (i, out) in [(1, w(120)), (2, w(84))] {
        x = b.linear(&format!("fc{i}"), &x, out);
        x = b.relu(&format!("relu_fc{i}"), &x);
    }
    b.linear("fc3", &x, options.classes)
}

/// SimpleNet (Hasanpour et al., "Lets keep it simple, Using simple architectures to outperform deeper and more complex
/// architectures", 2016): thirteen convolutions. Other than in its authors' code, the convolutions have no biases, which batch
/// norm would take out again, dropout zeroes single elements rather than whole channels, and batch norm has PyTorch's momentum.
pub(super) fn simplenet(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    const STAGES: [&[(usize, usize)]; 6] = [
        &[(64, 3), (128, 3), (128, 3), (128, 3)],
        &[(128, 3), (128, 3), (256, 3)],
        &[(256, 3), (256, 3)],
        &[(512, 3)],
        &[(2048, 1), (256, 1)],
        &[(256, 3)],
    ];
    let mut x = Sequential::new(b, "features", INPUT);
    for (i, stage) in STAGES.iter().enumerate() {
        if i > 0 {
            x.max_pool(2, 2).dropout(0.1);
        }
        for &(width, kernel) in *stage {
            x.block(|b, name, input| b.conv(name, input, options.channels(width), kernel, 1));
            x.batch_norm().relu();
        }
    }
    let x = x.end();
    let whole = b.shape(&x).get(1..).and_then(|sides| <[usize; 2]>::try_from(sides).ok()).unwrap_or([1; 2]);
    let pool = Pool2d { kernel: whole, stride: whole, ..Pool2d::new(1) };
    let x = b.push("pool", Op::MaxPool2d(pool), &[&x]);
    let x = b.dropout("dropout", &x, 0.1);
    let x = b.flatten("flatten", &x);
    b.linear("classifier", &x, options.classes)
}
