//! The vision transformer (Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021) with torchvision's names.

use super::ZooOptions;
use crate::graph::{GraphBuilder, INPUT};
use crate::init::{Bias, Exception, Layer, Scheme, Weight};
use crate::op::{Attention, Conv2d, LayerNorm, Op};
use crate::shape::ShapeProblem;

/// torchvision's. The class token and the head are zero at first, so that an untrained network answers zero.
pub(super) const INIT: Scheme = Scheme {
    conv: Layer(Weight::NormalFanIn, Bias::Zero),
    linear: Layer(Weight::XavierUniform, Bias::Normal(1e-6)),
    exceptions: &[
        Exception { suffix: "self_attention.out_proj", layer: Layer(Weight::PyTorch, Bias::Zero) },
        Exception { suffix: "heads.head", layer: Layer(Weight::Zero, Bias::Zero) },
    ],
};

/// Side of a patch, which becomes one token.
const PATCH: usize = 16;
/// Features of one head. The width changes the number of heads, not their size.
const HEAD: usize = 64;
const LAYERS: usize = 12;

fn layer_norm(b: &mut GraphBuilder, name: &str, input: &str) -> String {
    let features = b.channels(input);
    b.push(name, Op::LayerNorm(LayerNorm { features, eps: 1e-6 }), &[input])
}

/// Attention and then two linear layers on each token, each behind a layer norm and beside a shortcut.
fn encoder_layer(b: &mut GraphBuilder, prefix: &str, input: &str, heads: usize) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let features = b.channels(input);
    let x = layer_norm(b, &name("ln_1"), input);
    let x = b.push(&name("self_attention"), Op::Attention(Attention::new(features, heads)), &[&x]);
    let x = b.linear(&name("self_attention.out_proj"), &x, features);
    let middle = b.add(&name("add_1"), &x, input);
    let x = layer_norm(b, &name("ln_2"), &middle);
    let x = b.linear(&name("mlp.0"), &x, 4 * features);
    let x = b.push(&name("mlp.1"), Op::Gelu, &[&x]);
    let x = b.linear(&name("mlp.3"), &x, features);
    b.add(&name("add_2"), &middle, &x)
}

/// ViT-B/16: twelve layers of twelve heads on patches of 16×16.
pub(super) fn vit_b_16(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let [channels, height, width] = options.input;
    if !height.is_multiple_of(PATCH) || !width.is_multiple_of(PATCH) {
        let problem = format!("patches of {PATCH}×{PATCH} do not divide an image of {height}×{width}");
        b.reject("conv_proj", ShapeProblem::Attribute(problem));
    }
    let heads = ((12.0 * options.width).round() as usize).max(1);
    let features = HEAD * heads;
    let patches = Conv2d::new(channels, features, PATCH).stride(PATCH).with_bias();
    let x = b.push("conv_proj", Op::Conv2d(patches), &[INPUT]);
    let x = b.push("tokens", Op::Tokens, &[&x]);
    let x = b.push("class_token", Op::ClassToken { features }, &[&x]);
    let tokens = b.shape(&x).first().copied().unwrap_or(0);
    let mut x = b.push("encoder.pos_embedding", Op::PositionEmbedding { tokens, features }, &[&x]);
    for i in 0..LAYERS {
        x = encoder_layer(b, &format!("encoder.layers.encoder_layer_{i}"), &x, heads);
    }
    let x = layer_norm(b, "encoder.ln", &x);
    let x = b.push("take_token", Op::TakeToken { index: 0 }, &[&x]);
    b.linear("heads.head", &x, options.classes)
}
