use super::*;
use crate::graph::Node;
use crate::op::{Attention, Conv2d, Linear, Op};
use crate::zoo::{self, ZooOptions};

#[test]
fn a_seed_gives_the_same_weights_and_another_seed_others() {
    let graph = zoo::build("tiny-cnn", &ZooOptions::default()).unwrap();
    assert_eq!(weights(&graph, 7), weights(&graph, 7));
    assert_ne!(weights(&graph, 7), weights(&graph, 8));
    // The bytes are part of what makes studies repeatable across versions and platforms.
    let digest = blake3::hash(&weights(&graph, 7).to_safetensors().unwrap());
    assert_eq!(&digest.to_hex()[..16], "6f851bb5252af47a");
}

#[test]
fn networks_begin_with_the_bytes_they_always_had() {
    for name in ["linear", "tiny-cnn", "small-cnn", "kd-conv4", "kd-conv5", "resnet20-cifar"] {
        let options = ZooOptions::default();
        let own = zoo::model(name, &options, Init::Torchvision, 7).unwrap();
        assert_eq!(own, zoo::model(name, &options, Init::Kaiming, 7).unwrap(), "{name}");
        assert_eq!(own, model(zoo::build(name, &options).unwrap(), 7), "{name}");
    }
}

#[test]
fn normal_numbers_have_mean_zero_and_variance_one() {
    let draws = Draw::Normal(1.0).tensor(&[100_000], 1, "test").data;
    let mean = draws.iter().map(|x| f64::from(*x)).sum::<f64>() / draws.len() as f64;
    assert!(mean.abs() < 0.01, "{mean}");
    assert!((variance(&draws) - 1.0).abs() < 0.02, "{}", variance(&draws));
}

/// Around 0.
fn variance(data: &[f32]) -> f64 {
    data.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / data.len() as f64
}

fn conv(groups: usize) -> Node {
    let conv = Conv2d::new(32, 64, 5).groups(groups).with_bias();
    Node { name: "conv".into(), op: Op::Conv2d(conv), inputs: vec!["input".into()] }
}

fn linear(name: &str) -> Node {
    Node { name: name.into(), op: Op::Linear(Linear::new(160, 90)), inputs: vec!["input".into()] }
}

/// The variance that the scheme gives to the node's tensor, from a few thousand elements of it.
fn drawn(scheme: &Scheme, node: &Node, param: &str) -> f64 {
    let param = node.op.params().into_iter().find(|p| p.name == param).unwrap();
    variance(&scheme.draw(node, &param).tensor(&[20_000], 3, "x").data)
}

#[test]
fn each_distribution_has_the_variance_of_its_name() {
    let of = |weight, node: &Node| {
        let layer = Layer(weight, Bias::Zero);
        drawn(&Scheme { conv: layer, linear: layer, exceptions: &[] }, node, "weight")
    };
    // [64, 32, 5, 5]: fan-in 800, fan-out 1600; with 16 groups [64, 2, 5, 5]: fan-in 50, fan-out 1600, 100 in each group.
    let (plain, grouped, linear) = (conv(1), conv(16), linear("fc"));
    let expected = [
        (of(Weight::Kaiming, &plain), 2.0 / 1600.0),
        (of(Weight::Kaiming, &grouped), 2.0 / 100.0),
        (of(Weight::KaimingNormalFanOut, &grouped), 2.0 / 1600.0),
        (of(Weight::KaimingNormalFanIn, &plain), 2.0 / 800.0),
        (of(Weight::KaimingNormalFanIn, &grouped), 2.0 / 50.0),
        (of(Weight::KaimingUniform, &plain), 2.0 / 800.0),
        (of(Weight::XavierUniform, &linear), 2.0 / 250.0),
        (of(Weight::PyTorch, &plain), 1.0 / 2400.0),
        (of(Weight::UniformFanOut, &linear), 1.0 / 270.0),
        (of(Weight::NormalFanIn, &plain), 1.0 / 800.0),
        (of(Weight::Normal(0.3), &linear), 0.09),
    ];
    for (i, (found, expected)) in expected.into_iter().enumerate() {
        assert!((found / expected - 1.0).abs() < 0.04, "{i}: {found} instead of {expected}");
    }
    assert_eq!(of(Weight::Zero, &plain), 0.0);
}

#[test]
fn biases_follow_their_weights_fan_in() {
    let found = drawn(&PYTORCH, &conv(1), "bias");
    assert!((found * 2400.0 - 1.0).abs() < 0.04, "{found}");
    assert_eq!(drawn(&KAIMING, &conv(1), "bias"), 0.0);
    let scheme = Scheme { linear: Layer(Weight::PyTorch, Bias::Normal(0.1)), ..PYTORCH };
    assert!((drawn(&scheme, &linear("fc"), "bias") * 100.0 - 1.0).abs() < 0.04);
}

#[test]
fn an_exception_holds_for_the_layers_it_names_alone() {
    let exceptions = &[Exception { suffix: "heads.head", layer: Layer(Weight::Zero, Bias::Zero) }];
    let scheme = Scheme { exceptions, ..PYTORCH };
    assert_eq!(drawn(&scheme, &linear("heads.head"), "weight"), 0.0);
    assert!(drawn(&scheme, &linear("mlp.0"), "weight") > 0.0);
}

#[test]
fn attention_begins_as_xavier_and_quantizers_with_scale_one() {
    let attention = Op::Attention(Attention::new(64, 4));
    let node = Node { name: "attention".into(), op: attention, inputs: vec!["x".into()] };
    // [192, 64]
    assert!((drawn(&KAIMING, &node, "in_proj_weight") * 128.0 - 1.0).abs() < 0.04);
    assert_eq!(drawn(&PYTORCH, &node, "in_proj_bias"), 0.0);
    let quantizer = Op::FakeQuant(crate::op::QuantSpec::UINT8_ACTIVATION);
    let node = Node { name: "q".into(), op: quantizer, inputs: vec!["x".into()] };
    assert_eq!((drawn(&KAIMING, &node, "scale"), drawn(&KAIMING, &node, "zero_point")), (1.0, 0.0));
}

#[test]
fn parameters_that_begin_at_zero_are_known_without_drawing_the_others() {
    for name in ["tiny-cnn", "simple-cnn"] {
        let entry = zoo::entry(name).unwrap();
        let graph = zoo::build(name, &ZooOptions::default()).unwrap();
        let nonzero = nonzero_parameters(entry.init, &graph);
        assert_eq!(nonzero, crate::cost::nonzero_parameters(&model_by(entry.init, graph, 7)), "{name}");
    }
    // torchvision's ViT has a head of zeros, and a class token of zeros.
    let options = ZooOptions::new([3, 224, 224], 1000);
    let graph = zoo::build("vit_b_16", &options).unwrap();
    let head = 768 * 1000 + 1000 + 768;
    assert!(
        crate::cost::count(&graph).unwrap().parameters
            - nonzero_parameters(zoo::entry("vit_b_16").unwrap().init, &graph)
            > head
    );
}
