//! Classifiers that PyTorch's two exporters wrote are networks of ours: they compute the same, are pruned, trained and exported
//! again.
//!
//! `fixtures/skeletons.gz` holds torchvision's networks without their weights (`scripts/onnx_skeletons.py`); every stored tensor
//! is filled with numbers that follow from its name.

mod skeletons;

use std::collections::BTreeMap;
use std::sync::Arc;

use sweep_engine::data::{Images, Loader, Normaliser, Split, Statistics};
use sweep_engine::lower::{Mode, Net, to_model_tensor};
use sweep_engine::optim::Optimizer;
use sweep_engine::runtime::{Session, planes};
use sweep_engine::{quant, train};
use sweep_model::passes::prune::{self, Criterion, Limits, Scope, Structured};
use sweep_model::passes::quantize::Profile;
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Graph, Model, Tensor, onnx, randomise};
use sweep_shared::spec::{Observer, OptimizerSpec};
use tch::Device;

/// Images in each comparison.
const COUNT: usize = 2;

fn torch(images: &Tensor) -> tch::Tensor {
    let shape: Vec<i64> = images.shape.iter().map(|size| *size as i64).collect();
    tch::Tensor::from_slice(&images.data).reshape(&shape)
}

fn engine(model: &Model, images: &Tensor) -> Vec<f32> {
    let net = Net::new(model, Device::Cpu).unwrap();
    let logits = tch::no_grad(|| net.forward(&torch(images), Mode::Eval)).unwrap();
    to_model_tensor(&logits).unwrap().data
}

fn runtime(file: &[u8], images: &Tensor) -> Vec<f32> {
    Session::of_bytes(file, 1).unwrap().run(&images.data).unwrap()
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most: f32, value| most.max(value.abs()))
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()))
}

/// max|Δ| / max|logit|.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    distance(a, b) / largest(a)
}

fn pruned(model: &Model) -> Model {
    let options = Structured { amount: 0.5, criterion: Criterion::L1, scope: Scope::Layer, limits: Limits::default() };
    let (pruned, report) = prune::structured(model, &options).unwrap();
    assert!(report.removed() > 0.45, "{} of {} channels are left", report.after, report.before);
    pruned
}

/// The model after one step of SGD on the images.
fn trained(model: &Model, images: &Tensor) -> Model {
    let net = Net::new(model, Device::Cpu).unwrap();
    let spec = OptimizerSpec::Sgd { lr: 1e-3, momentum: 0.9, weight_decay: 0.0, nesterov: false };
    let mut optimizer = Optimizer::new(&spec, net.parameters()).unwrap();
    let labels = tch::Tensor::from_slice(&[3i64, 5]);
    let loss = |logits: &tch::Tensor| train::cross_entropy(logits, &labels, 0.0);
    let (loss, _) = net.training_loss(&torch(images), loss).unwrap();
    loss.backward();
    optimizer.step(1.0).unwrap();
    net.to_model().unwrap()
}

/// Names and shapes of what has more than one axis: kernels, matrices, tokens. Batch norms are folded in the file.
fn large(graph: &Graph) -> BTreeMap<String, Vec<usize>> {
    let deployed = graph.deployed_nodes();
    let nodes = graph.nodes.iter().filter(|node| deployed.contains(node.name.as_str()));
    let params = nodes.flat_map(sweep_model::Node::params).map(|(name, param)| (name, param.shape));
    params.filter(|(_, shape)| shape.len() > 1).collect()
}

/// How far the logits are apart along the way.
struct Findings {
    /// Between two images.
    spread: f32,
    /// Between the file in ONNX Runtime and the imported network in libtorch.
    imported: f32,
    /// Between the same two, after pruning, a training step, and export.
    again: f32,
    /// Between two images, of the pruned and trained network.
    spread_again: f32,
}

/// How far the logits of the first image are from those of the second, as a share of the largest.
fn spread(logits: &[f32]) -> f32 {
    let (first, second) = logits.split_at(logits.len() / COUNT);
    distance(first, second) / largest(logits)
}

/// The whole way of one network through one exporter's file.
fn follow(name: &str, network: &str) -> Findings {
    let file = skeletons::filled(name);
    let model = onnx::import(&file, network).unwrap_or_else(|error| panic!("{name}: {error}"));
    let ours =
        zoo::build(network, &ZooOptions { input: model.graph.input, classes: 1000, ..ZooOptions::default() }).unwrap();
    assert_eq!(large(&model.graph), large(&ours), "{name}: tensors bear torchvision's names");
    let images = randomise::images(COUNT, model.graph.input);
    let expected = runtime(&file, &images);
    drop(file);
    let imported = difference(&expected, &engine(&model, &images));
    let small = pruned(&model);
    drop(model);
    let ready = trained(&small, &images);
    assert_ne!(ready.weights, small.weights, "{name}: a training step moves weights");
    drop(small);
    let deployed = quant::deploy(&ready).unwrap();
    let answers = engine(&ready, &images);
    let again = difference(&answers, &runtime(&onnx::export(&deployed).unwrap(), &images));
    Findings { spread: spread(&expected), imported, again, spread_again: spread(&answers) }
}

fn check(network: &str) {
    for exporter in skeletons::EXPORTERS {
        let name = format!("{exporter}/{network}");
        let Findings { spread, imported, again, spread_again } = follow(&name, network);
        println!(
            "{name}: imported {imported:.1e} (spread {spread:.2}), pruned, trained, exported {again:.1e} (spread {spread_again:.3})"
        );
        assert!(spread > 0.1, "{name}: logits of two images differ by {spread} only");
        assert!(imported < 1e-4, "{name}: the imported network differs by {imported}");
        assert!(again < 1e-4, "{name}: the pruned and trained network differs by {again}");
        // Pruned by half without more training, some networks answer nearly the same to every image.
        assert!(again < spread_again * 1e-3, "{name}: {again}, where images differ by {spread_again}");
    }
}

/// The images as a data set has them: bytes, channel by channel for each pixel.
fn as_split(images: &Tensor) -> Split {
    let [count, channels, height, width] = images.shape[..] else { panic!("images are [N, C, H, W]") };
    let plane = height * width;
    let at = |index: usize| {
        let (image, pixel, channel) = (index / (plane * channels), index / channels % plane, index % channels);
        ((images.data[(image * channels + channel) * plane + pixel] + 2.5) * 51.0).clamp(0.0, 255.0) as u8
    };
    let pixels = (0..images.data.len()).map(at).collect();
    Split { images: Images { height, width, pixels }, labels: vec![0; count] }
}

/// The imported network with quantizers computes on integers in ONNX Runtime what it computes simulated.
fn check_quantized(name: &str) {
    let model = onnx::import(&skeletons::filled(name), name).unwrap();
    let split = Arc::new(as_split(&randomise::images(COUNT, model.graph.input)));
    let normaliser = Arc::new(Normaliser::new(&Statistics::of(&split.images)));
    let loader = Loader::evaluation(split.clone(), normaliser.clone(), COUNT);
    let quantized =
        quant::post_training(&model, Profile::OrtVnni, Observer::MinMax, &loader, 1.0, Device::Cpu).unwrap();
    let [channels, height, width] = model.graph.input;
    let values = Tensor::new(vec![COUNT, channels, height, width], planes(&split.images, 0..COUNT, &normaliser));
    let net = quant::simulation(&quantized, Device::Cpu).unwrap();
    let logits = tch::no_grad(|| net.forward(&torch(&values), Mode::Eval)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("int8.onnx");
    std::fs::write(&path, onnx::export(&quant::deploy(&quantized).unwrap()).unwrap()).unwrap();
    let mut session = Session::open(&path, 1).unwrap();
    let apart = difference(&to_model_tensor(&logits).unwrap().data, &session.run(&values.data).unwrap());
    let kernels = session.into_kernels(folder.path()).unwrap();
    let share = kernels.fused_share();
    println!("{name}: int8 differs by {apart:.1e}, {:.0} % of the layers are integer kernels", 100.0 * share);
    // Now and then a value is rounded to the next step, and fifty layers add that up.
    assert!(apart < 0.1, "{name}: {apart}");
    assert!(share > 0.95, "{name}: {:?}", kernels.left_float());
}

#[test]
fn imported_networks_can_be_quantized() {
    for name in ["torchscript/resnet18", "dynamo/squeezenet1_1", "dynamo/mobilenet_v2"] {
        check_quantized(name);
    }
}

macro_rules! networks {
    ($($(#[$attribute:meta])* $network:ident)*) => {
        $(
            #[test]
            $(#[$attribute])*
            fn $network() {
                check(stringify!($network));
            }
        )*
    };
}

networks! {
    alexnet resnet18 squeezenet1_0 squeezenet1_1 inception_v3 googlenet densenet121 mobilenet_v2 mobilenet_v3_small
    shufflenet_v2_x1_0 efficientnet_b0 vit_b_16
    #[ignore = "half a gigabyte of weights"] vgg11
    #[ignore = "half a gigabyte of weights"] vgg11_bn
    #[ignore = "half a gigabyte of weights"] vgg16
    #[ignore = "half a gigabyte of weights"] vgg16_bn
    #[ignore = "like ResNet-18"] resnet34
    #[ignore = "like ResNet-18"] resnet50
}
