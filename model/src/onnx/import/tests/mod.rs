//! Whole files, made by hand or by our own exporter; `engine/tests/import.rs` has PyTorch's.

mod errors;
mod file;
mod operators;

use crate::init;
use crate::model::Model;
use crate::op::Op;
use crate::passes::pipeline;
use crate::reference;
use crate::zoo::{self, ZooOptions};
use crate::{onnx, randomise};

/// max|Δ| / max|logit|.
fn difference(a: &Model, b: &Model) -> f32 {
    let images = randomise::images(2, a.graph.input);
    let [a, b] = [a, b].map(|model| reference::logits(model, &images).unwrap().data);
    let largest = a.iter().fold(0f32, |most, value| most.max(value.abs()));
    assert!(a.len() == b.len() && largest > 0.0);
    a.iter().zip(&b).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / largest
}

fn ops(model: &Model) -> Vec<&Op> {
    model.graph.nodes.iter().map(|node| &node.op).collect()
}

#[test]
fn what_we_export_we_import_with_its_names() {
    for (name, side) in [
        ("resnet20-cifar", 32),
        ("squeezenet1_1", 64),
        ("mobilenet_v3_small", 32),
        ("shufflenet_v2_x1_0", 32),
        ("googlenet", 64),
        ("densenet121", 32),
        ("efficientnet_b0", 32),
    ] {
        let options = ZooOptions {
            input: [3, side, side],
            width: 0.25,
            transform_input: name == "googlenet",
            ..Default::default()
        };
        let options = ZooOptions { width: if zoo::build(name, &options).is_ok() { 0.25 } else { 1.0 }, ..options };
        let graph = zoo::build(name, &options).unwrap();
        let weights = randomise::weights(&graph);
        let model = pipeline::deploy(&Model { graph, weights }).unwrap();
        let imported = onnx::import(&onnx::export(&model).unwrap(), name).unwrap();
        let apart = difference(&model, &imported);
        assert!(apart < 1e-5, "{name}: {apart}");
        let kept = model.weights.names().filter(|tensor| imported.weights.contains(tensor)).count();
        assert_eq!(kept, model.weights.len(), "{name}: all tensors keep their names");
    }
}

#[test]
fn a_transformer_is_imported_with_its_attention() {
    let graph = tiny_transformer();
    let model = Model { weights: randomise::weights(&graph), graph };
    let imported = onnx::import(&onnx::export(&model).unwrap(), "transformer").unwrap();
    assert!(difference(&model, &imported) < 1e-5);
    assert_eq!(imported.graph.nodes.len(), model.graph.nodes.len(), "{:?}", ops(&imported));
}

/// Patches, tokens, a class token, one block and a head, small enough for the reference interpreter.
fn tiny_transformer() -> crate::Graph {
    let mut b = crate::GraphBuilder::new("tiny-transformer", [3, 8, 8], 5);
    let x = b.push("conv_proj", Op::Conv2d(crate::Conv2d::new(3, 12, 4).stride(4).with_bias()), &["input"]);
    let x = b.push("tokens", Op::Tokens, &[&x]);
    let x = b.push("class_token", Op::ClassToken { features: 12 }, &[&x]);
    let x = b.push("pos_embedding", Op::PositionEmbedding { tokens: 5, features: 12 }, &[&x]);
    let norm = Op::LayerNorm(crate::LayerNorm { features: 12, eps: 1e-6 });
    let y = b.push("ln_1", norm.clone(), &[&x]);
    let y = b.push("self_attention", Op::Attention(crate::Attention::new(12, 3)), &[&y]);
    let y = b.push("self_attention.out_proj", Op::Linear(crate::Linear::new(12, 12)), &[&y]);
    let x = b.add("add", &x, &y);
    let y = b.push("mlp.0", Op::Linear(crate::Linear::new(12, 20)), &[&x]);
    let y = b.push("mlp.1", Op::Gelu, &[&y]);
    let y = b.push("mlp.3", Op::Linear(crate::Linear::new(20, 12)), &[&y]);
    let x = b.add("add_1", &x, &y);
    let x = b.push("ln", norm, &[&x]);
    let x = b.push("take", Op::TakeToken { index: 0 }, &[&x]);
    let logits = b.linear("head", &x, 5);
    b.finish(&logits).unwrap()
}

#[test]
fn batch_norm_that_was_not_folded_is_batch_norm() {
    let model = init::model(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 2);
    let imported = onnx::import(&onnx::export(&model).unwrap(), "tiny-cnn").unwrap();
    assert_eq!(imported, model);
}
