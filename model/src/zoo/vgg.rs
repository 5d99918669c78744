//! VGG (Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015), with torchvision's
//! names, and smaller networks of its kind for 32×32 images.

use super::ZooOptions;
use super::blocks::Sequential;
use crate::graph::{GraphBuilder, INPUT};
use crate::init::{Bias, Layer, Scheme, Weight};

/// torchvision's: Kaiming normal convolutions, and small linear weights.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::KaimingNormalFanOut, Bias::Zero),
    linear: Layer(Weight::Normal(0.01), Bias::Zero),
    exceptions: &[],
};

/// Between two entries, or behind the last, the image is halved. Entries are the widths of 3×3 convolutions.
type Stages = &'static [&'static [usize]];

/// Configuration A of the paper.
const VGG11: Stages = &[&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];
/// Configuration D.
const VGG16: Stages = &[&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];

fn features(b: &mut GraphBuilder, options: &ZooOptions, stages: &[&[usize]], norm: bool) -> String {
    let mut x = Sequential::new(b, "features", INPUT);
    for stage in stages {
        for width in *stage {
            x.conv(options.channels(*width), 3, 1, 1);
            if norm {
                x.batch_norm();
            }
            x.relu();
        }
        x.max_pool(2, 2);
    }
    x.end()
}

/// The paper's: features are brought to 7×7, then two layers of `hidden` and the logits.
fn vgg(b: &mut GraphBuilder, options: &ZooOptions, stages: Stages, norm: bool, hidden: usize) -> String {
    let x = features(b, options, stages, norm);
    let x = b.adaptive_avg_pool("avgpool", &x, [7, 7]);
    let x = b.flatten("flatten", &x);
    let hidden = options.channels(hidden);
    let mut x = Sequential::new(b, "classifier", &x);
    x.linear(hidden).relu().dropout(0.5);
    x.linear(hidden).relu().dropout(0.5);
    x.linear(options.classes);
    x.end()
}

pub(super) fn vgg11(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    vgg(b, options, VGG11, false, 4096)
}

pub(super) fn vgg11_bn(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    vgg(b, options, VGG11, true, 4096)
}

pub(super) fn vgg16(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    vgg(b, options, VGG16, false, 4096)
}

pub(super) fn vgg16_bn(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    vgg(b, options, VGG16, true, 4096)
}

/// One linear layer on the means of the last features, as most papers on pruning have it.
pub(super) fn vgg16_bn_cifar(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let x = features(b, options, VGG16, true);
    let x = b.global_avg_pool("avgpool", &x);
    let x = b.flatten("flatten", &x);
    b.linear("classifier", &x, options.classes)
}

/// The paper's structure with hidden layers of 512: 12.8 M parameters lie in the first of them.
pub(super) fn vgg16_bn_cifar_large(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    vgg(b, options, VGG16, true, 512)
}

/// Two hidden layers of 512 right on the features, whose size follows from the image's.
fn tiny_vgg(b: &mut GraphBuilder, options: &ZooOptions, stages: Stages) -> String {
    let x = features(b, options, stages, false);
    let x = b.flatten("flatten", &x);
    let hidden = options.channels(512);
    let mut x = Sequential::new(b, "classifier", &x);
    x.linear(hidden).relu().linear(hidden).relu().linear(options.classes);
    x.end()
}

pub(super) fn tiny_vgg1(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    tiny_vgg(b, options, &[&[64]])
}

pub(super) fn tiny_vgg2(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    tiny_vgg(b, options, &[&[64, 64]])
}

pub(super) fn tiny_vgg3(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    tiny_vgg(b, options, &[&[64, 64], &[128, 128]])
}

pub(super) fn tiny_vgg4(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    tiny_vgg(b, options, &[&[64, 64, 64], &[128, 128, 128]])
}

pub(super) fn tiny_vgg5(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    tiny_vgg(b, options, &[&[64, 64, 64], &[128, 128, 128], &[256, 256, 256]])
}
