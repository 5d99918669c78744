use super::*;
use crate::graph::{Graph, GraphBuilder, INPUT};
use crate::model::Model;
use crate::op::{Conv2d, Op, QuantSpec};
use crate::passes::pipeline;
use crate::reference::{self, testing};
use crate::tensor::Tensor;
use crate::zoo::{self, ZooOptions};

fn tiny() -> Model {
    testing::lively_model(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 4)
}

fn quantized(model: &Model) -> Model {
    insert(model, Profile::OrtVnni).unwrap()
}

/// `(quantizer, what it reads)` in graph order.
fn quantizers(graph: &Graph) -> Vec<(&str, &str)> {
    let nodes = graph.nodes.iter().filter(|node| matches!(node.op, Op::FakeQuant(_)));
    nodes.map(|node| (node.name.as_str(), node.inputs[0].as_str())).collect()
}

#[test]
fn quantizers_sit_where_the_runtime_wants_them() {
    let model = quantized(&tiny());
    let expected = [
        ("input.quant", "input"),
        ("conv1.quant", "relu1"),
        ("conv2.quant", "relu2"),
        ("conv3.quant", "bn3"), // no activation between it and the Add
        ("add.quant", "relu3"), // the ReLU after an Add is absorbed too
        ("avgpool.quant", "avgpool"),
    ];
    assert_eq!(quantizers(&model.graph), expected);
    assert_eq!(model.graph.node("pool1").unwrap().inputs, ["conv1.quant"]);
    assert_eq!(model.graph.node("conv2").unwrap().inputs, ["pool1"]);
    assert_eq!(model.graph.node("add").unwrap().inputs, ["conv3.quant", "conv2.quant"]);
    assert_eq!(model.graph.output, "fc", "logits stay float");
    for name in ["conv1", "conv2", "conv3", "fc"] {
        assert_eq!(model.graph.node(name).unwrap().op.weight_quant(), Some(&QuantSpec::INT8_WEIGHT));
    }
    // The quantizer of what the max-pool passes on is found through it.
    assert_eq!(activation_source(&model.graph, "pool1").unwrap().name, "conv1.quant");
    assert!(activation_source(&model.graph, "conv2").is_none());
}

#[test]
fn a_folded_graph_gets_the_same_names() {
    let folded = quantized(&pipeline::deploy(&tiny()).unwrap());
    let names = |model: &Model| quantizers(&model.graph).iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&folded), names(&quantized(&tiny())));
    assert_eq!(folded.graph.node("conv3.quant").unwrap().inputs, ["conv3"]);
}

#[test]
fn an_activation_that_others_read_around_is_not_absorbed() {
    let mut b = GraphBuilder::new("fork", [2, 4, 4], 3);
    let conv = b.conv("conv", INPUT, 2, 3, 1);
    let relu = b.relu("relu", &conv);
    let sum = b.add("add", &conv, &relu);
    let logits = b.classifier(&sum);
    let model = quantized(&testing::lively_model(b.finish(&logits).unwrap(), 1));
    let places = quantizers(&model.graph);
    assert!(places.contains(&("conv.quant", "conv")) && places.contains(&("relu.quant", "relu")), "{places:?}");
}

#[test]
fn profiles_that_are_not_written_yet_say_so() {
    for profile in [Profile::OrtAvx2, Profile::Tensorrt] {
        let error = insert(&tiny(), profile).unwrap_err();
        assert_eq!(error, QuantizeError::Unsupported(profile));
        assert!(error.to_string().contains("not supported yet"), "{error}");
    }
    assert_eq!("ort-vnni".parse(), Ok(Profile::OrtVnni));
    assert_eq!("vnni".parse::<Profile>(), Err(QuantizeError::UnknownProfile("vnni".into())));
    assert_eq!(serde_json::to_string(&Profile::OrtAvx2).unwrap(), r#""ort-avx2""#);
    assert!(matches!(insert(&quantized(&tiny()), Profile::OrtVnni), Err(QuantizeError::AlreadyQuantized(_))));
}

#[test]
fn weight_scales_are_those_of_the_folded_weights() {
    let model = quantized(&tiny());
    let folded = pipeline::deploy(&model).unwrap();
    let scales = &model.weights.get("conv2.weight_scale").unwrap().data;
    assert_eq!(scales.len(), 24);
    for (row, scale) in folded.weights.get("conv2.weight").unwrap().rows().zip(scales) {
        let largest = row.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        assert!((largest / 127.0 - scale).abs() <= f32::EPSILON * scale, "{largest} {scale}");
    }
}

/// One 1×1 convolution on one pixel: two output channels that a hand can compute.
fn by_hand(weights: [f32; 2], bias: [f32; 2]) -> Model {
    let mut b = GraphBuilder::new("hand", [1, 1, 1], 2);
    let conv = b.push("conv", Op::Conv2d(Conv2d::new(1, 2, 1).with_bias()), &[INPUT]);
    let flat = b.push("flatten", Op::Flatten, &[&conv]);
    let mut model = testing::lively_model(b.finish(&flat).unwrap(), 1);
    model.weights.insert("conv.weight", Tensor::new([2, 1, 1, 1], weights.to_vec()));
    model.weights.insert("conv.bias", Tensor::new([2], bias.to_vec()));
    let mut model = quantized(&model);
    model.weights.get_mut("input.quant.scale").unwrap().data[0] = 0.5;
    fit_weight_scales(&mut model).unwrap();
    model
}

#[test]
fn integers_are_those_of_a_hand_computation() {
    let model = by_hand([1.27, -0.5], [0.1, 0.01]);
    let layer = integer_layer(&model, model.graph.node("conv").unwrap()).unwrap();
    assert_eq!(layer.weight, [127, -127]);
    assert!((layer.weight_scale[0] - 0.01).abs() < 1e-8);
    // 0.1 in steps of 0.5 · 0.01, and 0.01 in steps of 0.5 · 0.5 / 127.
    assert_eq!(layer.bias, Some(vec![20, 5]));
    let mut finer = model.clone();
    finer.weights.get_mut("conv.weight_scale").unwrap().data[0] = 0.005;
    let layer = integer_layer(&finer, finer.graph.node("conv").unwrap()).unwrap();
    assert_eq!(layer.weight[0], 127, "saturated");
}

#[test]
fn a_large_bias_on_tiny_weights_enlarges_the_scale() {
    let model = by_hand([1e-9, 0.0], [100.0, -3.0]);
    let layer = integer_layer(&model, model.graph.node("conv").unwrap()).unwrap();
    let bias = layer.dequantized_bias().unwrap();
    assert!((bias.data[0] - 100.0).abs() < 1e-4 && (bias.data[1] + 3.0).abs() < 1e-4, "{:?}", bias.data);
    assert!(layer.bias.unwrap().iter().all(|q| q.abs() <= 1 << 30));
}

#[test]
fn the_simulation_computes_with_the_files_integers() {
    let mut model = quantized(&tiny());
    for (name, tensor) in model.weights.iter_mut() {
        if name.ends_with(".quant.scale") {
            tensor.data[0] = 0.03;
        }
    }
    fit_weight_scales(&mut model).unwrap();
    let simulated = as_deployed(&model).unwrap();
    let folded = pipeline::deploy(&model).unwrap();
    let layer = integer_layer(&folded, folded.graph.node("conv2").unwrap()).unwrap();
    assert_eq!(simulated.weights.get("conv2.weight").unwrap(), &layer.dequantized_weight());
    assert_eq!(simulated.weights.get("conv2.bias").unwrap(), &layer.dequantized_bias().unwrap());
    assert!(simulated.graph.nodes.iter().all(|node| node.op.weight_quant().is_none()));
    crate::verify::model(&simulated).unwrap();
    let images = testing::images(&model.graph, 2, 3);
    assert_eq!(reference::logits(&model, &images).unwrap(), reference::logits(&simulated, &images).unwrap());
}

#[test]
fn a_layer_without_quantized_weights_has_no_integers() {
    let model = tiny();
    let error = integer_layer(&model, model.graph.node("conv1").unwrap()).unwrap_err();
    assert_eq!(error, QuantizeError::NotQuantized("conv1".into()));
}
