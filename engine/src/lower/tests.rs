use sweep_model::op::QuantSpec;
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{BatchNorm2d, Conv2d, Graph, GraphBuilder, Model, Op, Tensor as Array, init};
use tch::{Device, Kind, TchError, Tensor};

use super::*;

fn images(n: i64, c: i64, size: i64) -> Tensor {
    let count = n * c * size * size;
    let x = Tensor::arange(count, (Kind::Float, Device::Cpu)) * 0.7;
    (x.sin() * 1.3).view([n, c, size, size])
}

fn net(model: &Model) -> Net {
    Net::new(model, Device::Cpu).unwrap()
}

fn close(a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.size(), b.size());
    let difference = (a - b).abs().max().double_value(&[]);
    assert!(difference <= tolerance, "differ by {difference}");
}

fn zoo_model(name: &str) -> Model {
    let graph = zoo::build(name, &ZooOptions::new([3, 32, 32], 10)).unwrap();
    init::model(graph, 3)
}

/// input → conv → bn → relu → gap → flatten → fc, with lively statistics, and quantizers if asked for.
fn block(quantized: bool) -> Model {
    let mut b = GraphBuilder::new("block", [3, 8, 8], 4);
    let mut conv = Conv2d::new(3, 6, 3).padding(1);
    conv.weight_quant = quantized.then_some(QuantSpec::INT8_WEIGHT);
    let x =
        if quantized { b.push("q_in", Op::FakeQuant(QuantSpec::UINT8_ACTIVATION), &["input"]) } else { "input".into() };
    let x = b.push("conv", Op::Conv2d(conv), &[&x]);
    let x = b.push("bn", Op::BatchNorm2d(BatchNorm2d::new(6)), &[&x]);
    let x = b.relu("relu", &x);
    let out = b.classifier(&x);
    let graph = b.finish(&out).unwrap();
    let mut model = init::model(graph, 5);
    for (name, low) in [("bn.weight", 0.5), ("bn.bias", -0.2), ("bn.running_mean", -0.3), ("bn.running_var", 0.4)] {
        let tensor = model.weights.get_mut(name).unwrap();
        tensor.data = (0..6).map(|i| low + 0.17 * i as f32).collect();
    }
    if quantized {
        model.weights.insert("q_in.scale", Array::full([1], 0.02));
        model.weights.insert("q_in.zero_point", Array::full([1], 128.0));
        model.weights.insert("conv.weight_scale", Array::full([6], 0.004));
    }
    model
}

#[test]
fn networks_for_small_images_run_and_come_back_unchanged() {
    for entry in zoo::ENTRIES.iter().filter(|entry| entry.input == [3, 32, 32]) {
        let name = entry.name;
        let model = zoo_model(name);
        let net = net(&model);
        let logits = tch::no_grad(|| net.forward(&images(2, 3, 32), Mode::Eval)).unwrap();
        assert_eq!(logits.size(), [2, 10], "{name}");
        assert!(logits.isfinite().all().int64_value(&[]) == 1, "{name}");
        assert_eq!(net.to_model().unwrap(), model, "{name}");
    }
}

#[test]
fn a_block_computes_what_libtorch_computes_step_by_step() {
    let model = block(false);
    let get = |name: &str| to_torch(model.weights.get(name).unwrap(), Device::Cpu).unwrap();
    let x = images(2, 3, 8);
    let y = x.conv2d(&get("conv.weight"), None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
    let wide = |name: &str| get(name).view([1, -1, 1, 1]);
    let y =
        (y - wide("bn.running_mean")) / (wide("bn.running_var") + 1e-5).sqrt() * wide("bn.weight") + wide("bn.bias");
    let y = y.relu().mean_dim([2i64, 3].as_slice(), false, Kind::Float);
    let expected = y.linear(&get("fc.weight"), Some(&get("fc.bias")));
    let logits = tch::no_grad(|| net(&model).forward(&x, Mode::Eval)).unwrap();
    close(&logits, &expected, 1e-5);
}

#[test]
fn training_updates_running_statistics_as_pytorch_does_and_freezing_stops_it() {
    let model = block(false);
    let net = net(&model);
    let x = images(4, 3, 8);
    let mean = || Vec::<f32>::try_from(net.tensor("bn.running_mean").unwrap()).unwrap();
    let before = mean();
    let y = x.conv2d(&net.tensor("conv.weight").unwrap(), None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
    let batch = Vec::<f32>::try_from(y.mean_dim([0i64, 2, 3].as_slice(), false, Kind::Float)).unwrap();
    let _ = tch::no_grad(|| net.forward(&x, Mode::Train)).unwrap();
    for ((new, old), batch) in mean().iter().zip(&before).zip(&batch) {
        assert!((new - (0.9 * old + 0.1 * batch)).abs() < 1e-5);
    }
    let moved = mean();
    net.freeze_batch_norm(true);
    let _ = tch::no_grad(|| net.forward(&x, Mode::Train)).unwrap();
    assert_eq!(mean(), moved);
}

#[test]
fn relu_overwrites_its_input_without_changing_gradients() {
    let model = block(false);
    let x = images(4, 3, 8);
    let gradient = |hook: &mut dyn Hook| {
        let net = net(&model);
        net.forward_with(&x, Mode::Train, hook).unwrap().square().sum(Kind::Float).backward();
        net.tensor("conv.weight").unwrap().grad()
    };
    /// Watching outputs switches in-place operations off.
    struct Watch(Vec<String>);
    impl Hook for Watch {
        fn fake_quant(&mut self, _: &str, _: &Tensor) -> std::result::Result<Option<(f64, i64)>, TchError> {
            Ok(None)
        }
        fn output(&mut self, node: &str, _: &Tensor) -> std::result::Result<(), TchError> {
            self.0.push(node.into());
            Ok(())
        }
        fn wants_outputs(&self) -> bool {
            true
        }
    }
    let mut watch = Watch(Vec::new());
    assert_eq!(gradient(&mut NoHook), gradient(&mut watch));
    assert_eq!(watch.0, ["input", "conv", "bn", "relu", "avgpool", "flatten", "fc"]);
}

#[test]
fn a_frozen_quantized_conv_and_batch_norm_are_exactly_the_folded_convolution() {
    let model = block(true);
    let x = images(2, 3, 8);
    let logits = tch::no_grad(|| net(&model).forward(&x, Mode::Eval)).unwrap();

    let get = |name: &str| to_torch(model.weights.get(name).unwrap(), Device::Cpu).unwrap();
    let factor = get("bn.weight") / (get("bn.running_var") + 1e-5).sqrt();
    let zero = Tensor::zeros([6], (Kind::Int, Device::Cpu));
    let weight = (get("conv.weight") * factor.view([-1, 1, 1, 1])).fake_quantize_per_channel_affine(
        &get("conv.weight_scale"),
        &zero,
        0,
        -127,
        127,
    );
    let bias = get("bn.bias") - get("bn.running_mean") * factor;
    let rounded = x.fake_quantize_per_tensor_affine(f64::from(0.02f32), 128, 0, 255);
    let y = channels_last(&rounded).unwrap().conv2d(
        &channels_last(&weight).unwrap(),
        Some(&bias),
        [1, 1],
        [1, 1],
        [1, 1],
        1,
    );
    let y = y.relu().adaptive_avg_pool2d([1, 1]).flatten(1, -1);
    let expected = y.linear(&get("fc.weight"), Some(&get("fc.bias")));
    close(&logits, &expected, 1e-6);

    // Training with frozen statistics computes the same, and training with live ones normalises by the batch.
    let net = net(&model);
    let live = tch::no_grad(|| net.forward(&x, Mode::Train)).unwrap();
    assert!((live - &expected).abs().max().double_value(&[]) > 1e-2);
    let fresh = self::net(&model);
    fresh.freeze_batch_norm(true);
    close(&tch::no_grad(|| fresh.forward(&x, Mode::Train)).unwrap(), &logits, 0.0);
}

#[test]
fn gradients_pass_straight_through_the_rounding() {
    let model = block(true);
    let net = net(&model);
    net.forward(&images(2, 3, 8), Mode::Train).unwrap().square().sum(Kind::Float).backward();
    for name in ["conv.weight", "bn.weight", "bn.bias", "fc.weight"] {
        let grad = net.tensor(name).unwrap().grad();
        assert!(grad.defined() && grad.abs().max().double_value(&[]) > 0.0, "{name}");
    }
}

#[test]
fn live_weight_scales_follow_the_folded_weights() {
    let model = block(true);
    let net = net(&model);
    net.set_weight_scales(WeightScales::Live);
    let factor = net.tensor("bn.weight").unwrap() / (net.tensor("bn.running_var").unwrap() + 1e-5).sqrt();
    let folded = net.tensor("conv.weight").unwrap() * factor.view([-1, 1, 1, 1]);
    let expected = folded.abs().reshape([6, -1]).amax([1i64].as_slice(), false) / 127.0;
    let _ = tch::no_grad(|| net.forward(&images(2, 3, 8), Mode::Train)).unwrap();
    close(&net.tensor("conv.weight_scale").unwrap(), &expected, 1e-7);
    // Validation sees the weights after the last step, and so needs the scales that go with them.
    let _ = tch::no_grad(|| net.tensor("conv.weight").unwrap().f_mul_scalar_(2.0)).unwrap();
    net.set_tensor("bn.running_var", &to_torch(model.weights.get("bn.running_var").unwrap(), Device::Cpu).unwrap())
        .unwrap();
    let _ = tch::no_grad(|| net.forward(&images(2, 3, 8), Mode::Eval)).unwrap();
    close(&net.tensor("conv.weight_scale").unwrap(), &(expected * 2.0), 1e-7);
}

#[test]
fn a_hook_sees_the_value_before_rounding_and_may_set_the_scale() {
    struct Calibrate(f64);
    impl Hook for Calibrate {
        fn fake_quant(&mut self, node: &str, x: &Tensor) -> std::result::Result<Option<(f64, i64)>, TchError> {
            assert_eq!(node, "q_in");
            self.0 = x.abs().max().double_value(&[]);
            Ok(Some((0.5, 7)))
        }
    }
    let net = net(&block(true));
    net.set_activation_quant(false);
    net.set_weight_quant(false);
    let (x, mut hook) = (images(2, 3, 8), Calibrate(0.0));
    let seen = tch::no_grad(|| net.forward_with(&x, Mode::Eval, &mut hook)).unwrap();
    assert!((hook.0 - x.abs().max().double_value(&[])).abs() < 1e-6);
    assert_eq!(net.tensor("q_in.zero_point").unwrap().double_value(&[0]), 7.0);
    // With both switched off, this is the float network.
    close(&seen, &tch::no_grad(|| self::net(&block(false)).forward(&x, Mode::Eval)).unwrap(), 1e-5);
}

#[test]
fn a_snapshot_brings_everything_back() {
    let net = net(&block(false));
    let before = net.to_model().unwrap();
    let snapshot = net.snapshot().unwrap();
    let _ = tch::no_grad(|| net.forward(&images(2, 3, 8), Mode::Train)).unwrap();
    assert_ne!(net.to_model().unwrap(), before);
    net.restore(&snapshot).unwrap();
    assert_eq!(net.to_model().unwrap(), before);
    assert!(net.parameters()[0].1.requires_grad());
}

#[test]
fn wrong_shapes_and_wrong_graphs_are_errors_that_name_what_is_wrong() {
    let model = block(false);
    let message = |result: Result<Tensor>| result.unwrap_err().to_string();
    assert!(message(net(&model).forward(&images(1, 3, 9), Mode::Eval)).contains("[1, 3, 9, 9]"));
    let mut bad = model.clone();
    bad.weights.insert("fc.weight", Array::zeros([4, 5]));
    assert!(Net::new(&bad, Device::Cpu).err().unwrap().to_string().contains("fc.weight"));
    let mut bad = model.clone();
    bad.weights.remove("bn.bias");
    assert!(Net::new(&bad, Device::Cpu).err().unwrap().to_string().contains("bn.bias"));
    let mut graph: Graph = model.graph.clone();
    graph.nodes.swap(1, 2);
    let error = Net::new(&Model { graph, weights: model.weights }, Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("bn") && error.contains("later"), "{error}");
}
