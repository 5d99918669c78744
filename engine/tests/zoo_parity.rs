//! Every network of the zoo against torchvision, without Python: `engine/tests/zoo/` holds what torchvision (or, for the networks
//! that it does not have, a plain PyTorch module) answered with all parameters and buffers drawn from their names. `make parity`
//! asks it again, `scripts/parity fixtures` writes the files anew.
//!
//! Logits are compared in f32, as the engine and as the deployed file in ONNX Runtime compute them; a training step's gradients
//! and batch norms' buffers in f64, where nothing but a mistake can differ.

mod zoo_fixture;

use sweep_engine::parity::{Subject, calm};
use sweep_model::{Graph, Op, zoo};
use zoo_fixture::Fixture;

/// Images of a training step, as in `scripts/parity/measure.py`.
const STEP_IMAGES: usize = 4;

macro_rules! networks {
    ($($test:ident: $name:literal,)*) => {
        const CHECKED: &[&str] = &[$($name),*];
        $(
            #[test]
            fn $test() {
                check($name);
            }
        )*
    };
}

networks! {
    linear: "linear",
    tiny_cnn: "tiny-cnn",
    simple_cnn: "simple-cnn",
    small_cnn: "small-cnn",
    kd_conv4: "kd-conv4",
    kd_conv5: "kd-conv5",
    student_conv5_fc1: "student-conv5-fc1",
    student_conv6_fc1_1x1: "student-conv6-fc1-1x1",
    student_conv6_fc1_narrow: "student-conv6-fc1-narrow",
    student_conv6_fc1: "student-conv6-fc1",
    student_conv3_fc2: "student-conv3-fc2",
    student_conv4_fc2_1x1: "student-conv4-fc2-1x1",
    student_conv4_fc1: "student-conv4-fc1",
    student_conv4_fc2: "student-conv4-fc2",
    tiny_vgg1: "tiny-vgg1",
    tiny_vgg2: "tiny-vgg2",
    tiny_vgg3: "tiny-vgg3",
    tiny_vgg4: "tiny-vgg4",
    tiny_vgg5: "tiny-vgg5",
    vgg16_bn_cifar: "vgg16_bn-cifar",
    vgg16_bn_cifar_large: "vgg16_bn-cifar-large",
    simplenet_cifar: "simplenet-cifar",
    resnet20_cifar: "resnet20-cifar",
    resnet56_cifar: "resnet56-cifar",
    resnet18_cifar: "resnet18-cifar",
    alexnet: "alexnet",
    vgg11: "vgg11",
    vgg11_bn: "vgg11_bn",
    vgg16: "vgg16",
    vgg16_bn: "vgg16_bn",
    resnet18: "resnet18",
    resnet34: "resnet34",
    resnet50: "resnet50",
    densenet121: "densenet121",
    googlenet: "googlenet",
    inception_v3: "inception_v3",
    squeezenet1_0: "squeezenet1_0",
    squeezenet1_1: "squeezenet1_1",
    mobilenet_v2: "mobilenet_v2",
    mobilenet_v3_small: "mobilenet_v3_small",
    shufflenet_v2_x1_0: "shufflenet_v2_x1_0",
    efficientnet_b0: "efficientnet_b0",
    vit_b_16: "vit_b_16",
}

fn check(name: &str) {
    let fixture = Fixture::read(name);
    fixture.check_parameters(&fixture.graph(fixture.size)).unwrap();
    logits(&fixture, fixture.graph(fixture.size)).unwrap();
    step(&fixture, fixture.graph(fixture.step_size)).unwrap();
}

/// Both of our executions against the fixture.
fn logits(fixture: &Fixture, graph: Graph) -> Result<(), String> {
    let subject = Subject::randomised(graph, fixture.logits.len());
    fixture.check_logits("the engine", &subject.lowered().unwrap())?;
    fixture.check_logits("ONNX Runtime", &subject.deployed().unwrap())
}

fn step(fixture: &Fixture, graph: Graph) -> Result<(), String> {
    fixture.check_step(&Subject::randomised(calm(graph), STEP_IMAGES).step().unwrap())
}

#[test]
fn no_network_is_left_out() {
    let mut checked = CHECKED.to_vec();
    let mut there: Vec<&str> = zoo::names().collect();
    checked.sort_unstable();
    there.sort_unstable();
    assert_eq!(checked, there);
}

/// Small mistakes, of the kind that a network has when it was written down wrongly, must be seen.
mod planted {
    use super::*;

    fn fixture() -> Fixture {
        Fixture::read("resnet20-cifar")
    }

    fn norms(graph: &mut Graph) -> impl Iterator<Item = &mut sweep_model::BatchNorm2d> {
        graph.nodes.iter_mut().filter_map(|node| match &mut node.op {
            Op::BatchNorm2d(norm) => Some(norm),
            _ => None,
        })
    }

    #[test]
    fn another_epsilon() {
        let fixture = fixture();
        let mut graph = fixture.graph(32);
        norms(&mut graph).for_each(|norm| norm.eps = 1e-3);
        assert!(logits(&fixture, graph).is_err());
        // One of twenty is too little for f32, and is still seen in f64.
        let mut graph = fixture.graph(32);
        norms(&mut graph).nth(7).unwrap().eps = 1e-6;
        assert!(step(&fixture, graph).unwrap_err().contains("gradient"));
    }

    #[test]
    fn another_momentum() {
        let fixture = fixture();
        let mut graph = fixture.graph(32);
        norms(&mut graph).nth(3).unwrap().momentum = 0.01;
        assert!(step(&fixture, graph).unwrap_err().contains("running_mean"));
    }

    #[test]
    fn two_channels_exchanged() {
        let fixture = fixture();
        let mut subject = Subject::randomised(fixture.graph(32), fixture.logits.len());
        let weight = subject.model.weights.get_mut("layer2.1.conv1.weight").unwrap();
        let row = weight.data.len() / weight.shape[0];
        let (first, second) = weight.data.split_at_mut(row);
        first.swap_with_slice(&mut second[..row]);
        assert!(fixture.check_logits("the engine", &subject.lowered().unwrap()).is_err());
        assert!(fixture.check_logits("ONNX Runtime", &subject.deployed().unwrap()).is_err());
    }

    #[test]
    fn a_shortcut_from_another_block() {
        let fixture = fixture();
        let mut graph = fixture.graph(32);
        graph.node_mut("layer1.2.add").unwrap().inputs[1] = "layer1.0.relu2".into();
        assert!(logits(&fixture, graph.clone()).is_err());
        assert!(step(&fixture, graph).is_err());
    }
}
