use super::*;
use crate::graph::Node;
use crate::init;
use crate::op::{BatchNorm2d, Linear};
use crate::shape::ShapeProblem;
use crate::tensor::Tensor;
use crate::zoo::{self, ZooOptions};

fn sound() -> Model {
    init::model(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 1)
}

/// The message about a sound graph after a change.
fn broken(change: impl FnOnce(&mut Graph)) -> String {
    let mut graph = sound().graph;
    change(&mut graph);
    super::graph(&graph).expect_err("the change breaks the graph").to_string()
}

fn broken_model(change: impl FnOnce(&mut Model)) -> String {
    let mut model = sound();
    change(&mut model);
    super::model(&model).expect_err("the change breaks the model").to_string()
}

#[test]
fn a_sound_model_passes_and_has_its_shapes() {
    let shapes = model(&sound()).unwrap();
    assert_eq!(shapes["add"], [24, 8, 8]);
    assert_eq!(shapes["fc"], [10]);
}

#[test]
fn an_unknown_input_names_reader_and_input() {
    let message = broken(|graph| graph.node_mut("bn2").unwrap().inputs[0] = "conv9".into());
    assert_eq!(message, r#"node "bn2" reads "conv9", which no earlier node computes"#);
}

#[test]
fn nodes_out_of_order_and_cycles_are_told_apart_from_typos() {
    let message = broken(|graph| graph.node_mut("conv1").unwrap().inputs[0] = "conv3".into());
    assert!(message.starts_with(r#"node "conv1" reads "conv3", which comes later"#), "{message}");
    let message = broken(|graph| graph.node_mut("add").unwrap().inputs[0] = "add".into());
    assert!(message.starts_with(r#"node "add" reads "add", which comes later"#), "{message}");
}

#[test]
fn names_are_unique_and_the_image_comes_first() {
    let message = broken(|graph| graph.node_mut("bn2").unwrap().name = "bn1".into());
    assert_eq!(message, r#"two nodes are called "bn1""#);
    let message = broken(|graph| graph.nodes.swap(0, 1));
    assert!(message.starts_with(r#"node "conv1": a graph begins with"#), "{message}");
    let second = Node { name: "again".into(), op: Op::Input, inputs: vec![] };
    assert!(broken(|graph| graph.nodes.push(second)).starts_with(r#"node "again""#));
    assert_eq!(
        super::graph(&Graph { nodes: vec![], ..sound().graph }),
        Err(VerifyError::UnknownOutput { output: "fc".into() })
    );
}

#[test]
fn channels_that_do_not_fit_name_the_node() {
    let message = broken(|graph| graph.node_mut("bn3").unwrap().op = Op::BatchNorm2d(BatchNorm2d::new(25)));
    assert_eq!(message, r#"node "bn3": expects 25 input channels, but gets 24"#);
    let error = {
        let mut graph = sound().graph;
        graph.node_mut("add").unwrap().inputs[1] = "pool1".into();
        super::graph(&graph).unwrap_err()
    };
    let problem = ShapeProblem::Mismatch { left: vec![24, 8, 8], right: vec![8, 16, 16] };
    assert_eq!(error, VerifyError::Shape(ShapeError::Node { node: "add".into(), problem }));
}

#[test]
fn the_output_must_be_the_logits() {
    assert_eq!(broken(|graph| graph.output = "head".into()), r#"the output is "head", but there is no such node"#);
    let message = broken(|graph| graph.classes = 7);
    assert_eq!(message, r#"the output "fc" has shape [10], but 7 classes need [7]"#);
}

#[test]
fn quantizers_have_integer_types() {
    let wide = QuantSpec { bits: 16, ..QuantSpec::INT8_WEIGHT };
    let message = broken(|graph| {
        graph.node_mut("conv2").unwrap().op.set_weight_quant(Some(wide));
    });
    assert!(message.starts_with(r#"node "conv2": quantizers have 2 to 8 bits"#), "{message}");
    let message = broken(|graph| graph.node_mut("relu1").unwrap().op = Op::FakeQuant(QuantSpec::INT8_WEIGHT));
    assert!(message.contains("per channel: true"), "{message}");
}

#[test]
fn tensors_must_be_those_of_the_graph() {
    let message = broken_model(|model| {
        model.weights.remove("bn2.running_var");
    });
    assert_eq!(message, r#"the weights have no tensor "bn2.running_var", which the graph needs with shape [24]"#);
    let message = broken_model(|model| {
        model.weights.insert("conv1.bias", Tensor::zeros([8]));
    });
    assert_eq!(message, r#"the weights have a tensor "conv1.bias" that no node of the graph owns"#);
    let message = broken_model(|model| {
        model.weights.insert("fc.weight", Tensor::zeros([24, 10]));
    });
    assert_eq!(message, r#"tensor "fc.weight" has shape [24, 10], but the graph needs [10, 24]"#);
}

#[test]
fn quantizers_need_sound_numbers() {
    let quantizer = |scale: f32, zero_point: f32| {
        broken_model(|model| {
            let node =
                Node { name: "q".into(), op: Op::FakeQuant(QuantSpec::UINT8_ACTIVATION), inputs: vec!["fc".into()] };
            model.graph.nodes.push(node);
            model.weights.insert("q.scale", Tensor::full([1], scale));
            model.weights.insert("q.zero_point", Tensor::full([1], zero_point));
        })
    };
    assert_eq!(quantizer(0.0, 0.0), r#"tensor "q.scale" holds 0, which is no scale"#);
    assert_eq!(quantizer(f32::NAN, 0.0), r#"tensor "q.scale" holds NaN, which is no scale"#);
    assert_eq!(quantizer(0.1, 256.0), r#"tensor "q.zero_point" holds 256, which is no zero point"#);
    assert_eq!(quantizer(0.1, 0.5), r#"tensor "q.zero_point" holds 0.5, which is no zero point"#);
}

#[test]
fn a_node_without_its_input_is_an_error() {
    let message = broken(|graph| graph.node_mut("fc").unwrap().inputs.clear());
    assert_eq!(message, r#"node "fc": linear takes 1 input(s), but has 0"#);
    let message = broken(|graph| graph.node_mut("flatten").unwrap().op = Op::Linear(Linear::new(24, 24)));
    assert_eq!(message, r#"node "flatten": expects an input of shape [F] or [L, E], but gets [24, 1, 1]"#);
}
