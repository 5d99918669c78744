//! Residual networks (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016) with torchvision's names.

use super::ZooOptions;
use crate::graph::{Graph, GraphBuilder, INPUT};
use crate::shape::ShapeError;

/// torchvision's `BasicBlock`: two 3×3 convolutions beside a shortcut, which is a 1×1 convolution where the shape changes.
fn basic_block(b: &mut GraphBuilder, prefix: &str, input: &str, width: usize, stride: usize) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let x = b.conv(&name("conv1"), input, width, 3, stride);
    let x = b.batch_norm(&name("bn1"), &x);
    let x = b.relu(&name("relu1"), &x);
    let x = b.conv(&name("conv2"), &x, width, 3, 1);
    let x = b.batch_norm(&name("bn2"), &x);
    let shortcut = if stride != 1 || b.channels(input) != width {
        let s = b.conv(&name("downsample.0"), input, width, 1, stride);
        b.batch_norm(&name("downsample.1"), &s)
    } else {
        input.to_owned()
    };
    let x = b.add(&name("add"), &x, &shortcut);
    b.relu(&name("relu2"), &x)
}

/// A 3×3 stem of the first width, then `depth` blocks of each width; every stage but the first halves the image.
fn resnet(name: &str, options: &ZooOptions, widths: &[usize], depth: usize) -> Result<Graph, ShapeError> {
    let mut b = GraphBuilder::new(name, options.input, options.classes);
    let x = b.conv("conv1", INPUT, widths[0], 3, 1);
    let x = b.batch_norm("bn1", &x);
    let mut x = b.relu("relu", &x);
    for (stage, &width) in widths.iter().enumerate() {
        for i in 0..depth {
            let stride = if stage > 0 && i == 0 { 2 } else { 1 };
            x = basic_block(&mut b, &format!("layer{}.{i}", stage + 1), &x, width, stride);
        }
    }
    let logits = b.classifier(&x);
    b.finish(&logits)
}

pub(super) fn resnet18_cifar(options: &ZooOptions) -> Result<Graph, ShapeError> {
    resnet("resnet18-cifar", options, &[64, 128, 256, 512], 2)
}

/// Shortcuts are projections (option B): the paper's option A pads with zero channels, which needs no parameters but cannot be
/// quantized or pruned as one group.
pub(super) fn resnet20_cifar(options: &ZooOptions) -> Result<Graph, ShapeError> {
    resnet("resnet20-cifar", options, &[16, 32, 64], 3)
}
