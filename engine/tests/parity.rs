//! The exported files compute what the engine computes: fp32 to rounding, int8 to one step of each quantizer.

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sweep_engine::data::{Images, Loader, Normaliser, Split, Statistics};
use sweep_engine::lower::{Hook, Mode, Net, NoHook, to_model_tensor};
use sweep_engine::quant;
use sweep_engine::runtime::{Session, planes};
use sweep_model::onnx::proto;
use sweep_model::passes::quantize::Profile;
use sweep_model::{Graph, GraphBuilder, Model, Op, init, onnx, zoo};
use sweep_shared::spec::Observer;
use tch::{Device, TchError, Tensor};

/// conv–bn–relu, conv–bn, Add, relu: every rule of the profile in one residual block.
fn block() -> Graph {
    let mut b = GraphBuilder::new("block", [3, 16, 16], 5);
    let x = b.conv("conv1", "input", 8, 3, 1);
    let x = b.batch_norm("bn1", &x);
    let skip = b.relu("relu1", &x);
    let x = b.conv("conv2", &skip, 8, 3, 1);
    let x = b.batch_norm("bn2", &x);
    let x = b.add("add", &x, &skip);
    let x = b.relu("relu2", &x);
    let logits = b.classifier(&x);
    b.finish(&logits).unwrap()
}

/// Weights as initialised, but with batch norms that really shift and scale, as trained ones do.
fn lived_in(graph: Graph, seed: u64) -> Model {
    let mut model = init::model(graph, seed);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut between = |low: f32, high: f32| low + (high - low) * (random.next_u32() >> 8) as f32 / (1 << 24) as f32;
    for node in &model.graph.nodes.clone() {
        let Op::BatchNorm2d(_) = node.op else { continue };
        for (param, low, high) in
            [("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("running_mean", -0.3, 0.3), ("running_var", 0.5, 2.0)]
        {
            let tensor = model.weights.get_mut(&node.param_name(param)).unwrap();
            tensor.data.iter_mut().for_each(|value| *value = between(low, high));
        }
    }
    model
}

/// Smooth random images: noise would average out in the first layer and exercise little.
fn images(count: usize, [_, height, width]: [usize; 3], seed: u64) -> Split {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut pixels = Vec::with_capacity(count * height * width * 3);
    for _ in 0..count {
        let [a, b, c] = [0; 3].map(|_: i32| random.next_u32() % 256);
        for (y, x, channel) in (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| (y, x, c)))) {
            let wave = (a * x as u32 + b * y as u32 + c * (channel + 1)) / 16 + random.next_u32() % 32;
            pixels.push((wave % 256) as u8);
        }
    }
    Split { images: Images { height, width, pixels }, labels: vec![0; count] }
}

struct Bench {
    split: std::sync::Arc<Split>,
    normaliser: std::sync::Arc<Normaliser>,
}

impl Bench {
    fn new(graph: &Graph, count: usize) -> Bench {
        let split = images(count, graph.input, 11);
        let normaliser = Normaliser::new(&Statistics::of(&split.images));
        Bench { split: split.into(), normaliser: normaliser.into() }
    }

    fn loader(&self) -> Loader {
        Loader::evaluation(self.split.clone(), self.normaliser.clone(), 64)
    }

    fn engine(&self, net: &Net, hook: &mut dyn Hook) -> Vec<f32> {
        let batches = self.loader().epoch(0, 0);
        let logits = batches.map(|batch| tch::no_grad(|| net.forward_with(&batch.unwrap().images, Mode::Eval, hook)));
        logits.flat_map(|logits| to_model_tensor(&logits.unwrap()).unwrap().data).collect()
    }

    fn runtime(&self, onnx: &[u8], folder: &Path) -> Vec<f32> {
        let path = folder.join("network.onnx");
        std::fs::write(&path, onnx).unwrap();
        let mut session = Session::open(&path, 1).unwrap();
        session.run(&planes(&self.split.images, 0..self.split.len(), &self.normaliser)).unwrap()
    }
}

/// Keeps the value of every node.
#[derive(Default)]
struct Record(BTreeMap<String, Vec<f32>>);

impl Hook for Record {
    fn fake_quant(&mut self, _: &str, _: &Tensor) -> Result<Option<(f64, i64)>, TchError> {
        Ok(None)
    }

    fn output(&mut self, node: &str, value: &Tensor) -> Result<(), TchError> {
        self.0.entry(node.into()).or_default().extend(to_model_tensor(value)?.data);
        Ok(())
    }

    fn wants_outputs(&self) -> bool {
        true
    }
}

/// The file with the value `name` as its only output.
fn cut_at(onnx: &[u8], name: &str) -> Vec<u8> {
    let mut model = onnx::read(onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let tensor = proto::type_proto::Tensor { elem_type: 1, shape: None };
    let value = proto::type_proto::Value::TensorType(tensor);
    let r#type = Some(proto::TypeProto { value: Some(value) });
    graph.output = vec![proto::ValueInfoProto { name: name.into(), r#type }];
    model.encode_to_vec()
}

#[test]
fn a_residual_block_s_integers_differ_by_at_most_one_step() {
    let model = lived_in(block(), 3);
    let bench = Bench::new(&model.graph, 128);
    let quantized =
        quant::post_training(&model, Profile::OrtVnni, Observer::MinMax, &bench.loader(), 1.0, Device::Cpu).unwrap();
    let net = quant::simulation(&quantized, Device::Cpu).unwrap();
    let mut simulated = Record::default();
    bench.engine(&net, &mut simulated);
    let file = onnx::export(&quant::deploy(&quantized).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let quantizers: Vec<_> = quantized.graph.nodes.iter().filter(|node| matches!(node.op, Op::FakeQuant(_))).collect();
    assert!(quantizers.len() >= 4, "input, conv1, conv2 and add have quantizers");
    for quantizer in quantizers {
        let scale = quantized.weights.param(&quantizer.name, "scale").unwrap().data[0];
        let found = bench.runtime(&cut_at(&file, &quantizer.name), folder.path());
        let expected = &simulated.0[&quantizer.name];
        assert_eq!(found.len(), expected.len());
        let steps = |(a, b): (&f32, &f32)| ((a - b) / scale).abs().round() as u32;
        let worst = found.iter().zip(expected).map(steps).max().unwrap();
        let off = found.iter().zip(expected).filter(|pair| steps(*pair) > 0).count();
        println!("{}: at most {worst} steps, {off} of {} values off", quantizer.name, found.len());
        assert!(worst <= 1, "{} differs by {worst} steps", quantizer.name);
        // A wrong rounding rule shows as many small differences rather than as a large one.
        assert!(off * 100 < found.len(), "{off} of {} values of {} differ", found.len(), quantizer.name);
    }
}

#[test]
fn every_layer_becomes_an_integer_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let names = [
        "linear",
        "tiny-cnn",
        "simple-cnn",
        "small-cnn",
        "kd-conv4",
        "kd-conv5",
        "student-conv6-fc1-1x1",
        "student-conv3-fc2",
        "simplenet-cifar",
        "resnet20-cifar",
        "resnet18-cifar",
        "vgg16_bn-cifar",
    ];
    let zoo = names.map(|name| zoo::build(name, &zoo::ZooOptions::default()).unwrap());
    for graph in zoo.into_iter().chain([block()]) {
        let model = lived_in(graph, 3);
        let name = &model.graph.name;
        let bench = Bench::new(&model.graph, 8);
        let quantized =
            quant::post_training(&model, Profile::OrtVnni, Observer::MinMax, &bench.loader(), 1.0, Device::Cpu)
                .unwrap();
        std::fs::write(&path, onnx::export(&quant::deploy(&quantized).unwrap()).unwrap()).unwrap();
        let kernels = Session::open(&path, 1).unwrap().into_kernels(folder.path()).unwrap();
        assert_eq!(kernels.fused_share(), 1.0, "{name}: {:?}", kernels.counts);
        assert_eq!(kernels.left_float(), BTreeMap::new(), "{name}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the optimised file was removed again");
    }
}

#[test]
fn fp32_files_agree_to_rounding() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["linear", "tiny-cnn", "small-cnn", "kd-conv5", "resnet20-cifar"] {
        let model = lived_in(zoo::build(name, &zoo::ZooOptions::default()).unwrap(), 5);
        let bench = Bench::new(&model.graph, 16);
        let expected = bench.engine(&Net::new(&model, Device::Cpu).unwrap(), &mut NoHook);
        let found = bench.runtime(&onnx::export(&quant::deploy(&model).unwrap()).unwrap(), folder.path());
        let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
        let worst = expected.iter().zip(&found).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        println!("{name}: max|Δ|/max|logit| = {:e}", worst / largest);
        assert_eq!(expected.len(), found.len());
        assert!(largest > 0.0 && worst / largest < 1e-4, "{name}: {worst} of {largest}");
    }
}

/// What quantization-aware training runs (batch norm still there) is what the file computes (batch norm folded into integers).
#[test]
fn the_unfolded_simulation_is_the_deployed_computation() {
    let model = lived_in(block(), 3);
    let bench = Bench::new(&model.graph, 128);
    let quantized =
        quant::post_training(&model, Profile::OrtVnni, Observer::MinMax, &bench.loader(), 1.0, Device::Cpu).unwrap();
    let unfolded = bench.engine(&Net::new(&quantized, Device::Cpu).unwrap(), &mut NoHook);
    let deployed = bench.engine(&quant::simulation(&quantized, Device::Cpu).unwrap(), &mut NoHook);
    let float = bench.engine(&Net::new(&model, Device::Cpu).unwrap(), &mut NoHook);
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
    // Only a rounding at an edge may differ; against the float network everything does.
    assert!(distance(&unfolded, &deployed) * 10.0 < distance(&float, &deployed));
}
