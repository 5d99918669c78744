//! Chains of convolutions, and the linear baseline.

use super::ZooOptions;
use crate::graph::{Graph, GraphBuilder, INPUT};
use crate::op::Op;
use crate::shape::ShapeError;

/// How a block of a chain halves the image.
#[derive(Clone, Copy)]
enum Down {
    No,
    Stride,
    Pool,
}

fn builder(name: &str, options: &ZooOptions) -> GraphBuilder {
    GraphBuilder::new(name, options.input, options.classes)
}

/// `conv<i>` 3×3 → `bn<i>` → `relu<i>`, then `pool<i>` where the block pools. Blocks count from 1.
fn block(b: &mut GraphBuilder, i: usize, input: &str, width: usize, down: Down) -> String {
    let stride = if matches!(down, Down::Stride) { 2 } else { 1 };
    let x = b.conv(&format!("conv{i}"), input, width, 3, stride);
    let x = b.batch_norm(&format!("bn{i}"), &x);
    let x = b.relu(&format!("relu{i}"), &x);
    if matches!(down, Down::Pool) { b.max_pool(&format!("pool{i}"), &x, 2) } else { x }
}

fn chain(name: &str, options: &ZooOptions, blocks: &[(usize, Down)]) -> Result<Graph, ShapeError> {
    let mut b = builder(name, options);
    let mut x = INPUT.to_owned();
    for (i, &(width, down)) in blocks.iter().enumerate() {
        x = block(&mut b, i + 1, &x, width, down);
    }
    let logits = b.classifier(&x);
    b.finish(&logits)
}

pub(super) fn linear(options: &ZooOptions) -> Result<Graph, ShapeError> {
    let mut b = builder("linear", options);
    let flat = b.push("flatten", Op::Flatten, &[INPUT]);
    let logits = b.linear("fc", &flat, options.classes);
    b.finish(&logits)
}

/// One of each thing that passes have to deal with: a max-pool, a stride and a residual Add.
pub(super) fn tiny_cnn(options: &ZooOptions) -> Result<Graph, ShapeError> {
    let mut b = builder("tiny-cnn", options);
    let x = block(&mut b, 1, INPUT, 8, Down::Pool);
    let skip = block(&mut b, 2, &x, 24, Down::Stride);
    let x = b.conv("conv3", &skip, 24, 3, 1);
    let x = b.batch_norm("bn3", &x);
    let x = b.add("add", &x, &skip);
    let x = b.relu("relu3", &x);
    let logits = b.classifier(&x);
    b.finish(&logits)
}

/// Width doubles as the image halves, so that each pair of layers costs the same; most parameters sit where the image is
/// smallest. Widths are multiples of 16 for channels-last vector kernels.
pub(super) fn small_cnn(options: &ZooOptions) -> Result<Graph, ShapeError> {
    use Down::{No, Stride};
    let blocks = [(16, No), (32, Stride), (32, No), (64, Stride), (64, No), (128, Stride), (128, No)];
    chain("small-cnn", options, &blocks)
}

pub(super) fn kd_conv4(options: &ZooOptions) -> Result<Graph, ShapeError> {
    use Down::{No, Pool};
    chain("kd-conv4", options, &[(16, Pool), (32, Pool), (48, Pool), (64, No)])
}

pub(super) fn kd_conv5(options: &ZooOptions) -> Result<Graph, ShapeError> {
    use Down::{No, Pool};
    chain("kd-conv5", options, &[(32, Pool), (64, Pool), (96, Pool), (128, No), (144, No)])
}
