//! The table of all networks.

use super::{
    ZooOptions, alexnet, densenet, efficientnet, googlenet, inception_v3, mobilenet_v2, mobilenet_v3, plain, resnet,
    shufflenet, squeezenet, students, vgg, vit,
};
use crate::graph::GraphBuilder;
use crate::init::{KAIMING, PYTORCH, Scheme};

/// One network of the zoo.
pub struct Entry {
    /// As a plan writes it.
    pub name: &'static str,
    /// The kind of network that it is one of.
    pub family: &'static str,
    /// One line for people. How much it costs is counted, not written here.
    pub description: &'static str,
    /// The size of the images that it was published for, `[C, H, W]`.
    pub input: [usize; 3],
    /// Whether its published weights expect images in `[-1, 1]`, see [`ZooOptions::transform_input`].
    pub transforms_input: bool,
    /// How it begins if nothing else is asked for.
    pub init: &'static Scheme,
    /// Address of its published weights for ImageNet, see [`super::pretrained`].
    pub(super) weights: Option<&'static str>,
    /// Adds its nodes, and names the one that gives the logits.
    pub(super) build: Build,
}

type Build = fn(&mut GraphBuilder, &ZooOptions) -> String;

/// A network for 32×32 images that begins by [`KAIMING`].
const fn small(name: &'static str, family: &'static str, build: Build, description: &'static str) -> Entry {
    let input = [3, 32, 32];
    Entry { name, family, description, input, transforms_input: false, init: &KAIMING, weights: None, build }
}

/// A network of torchvision's, for ImageNet.
const fn torchvision(name: &'static str, family: &'static str, build: Build, description: &'static str) -> Entry {
    Entry { input: [3, 224, 224], ..small(name, family, build, description) }
}

impl Entry {
    const fn init(self, init: &'static Scheme) -> Self {
        Self { init, ..self }
    }

    const fn weights(self, url: &'static str) -> Self {
        Self { weights: Some(url), ..self }
    }
}

/// Address of a file of torchvision's.
macro_rules! published {
    ($file:literal) => {
        concat!("https://download.pytorch.org/models/", $file)
    };
}

/// All networks: families together, the smallest first.
pub const ENTRIES: &[Entry] = &[
    small("linear", "baselines", plain::linear, "one linear layer on the pixels: the least a network must beat"),
    small("tiny-cnn", "baselines", plain::tiny_cnn, "a max-pool and a residual block, for tests"),
    small(
        "simple-cnn",
        "baselines",
        plain::simple_cnn,
        "two 5×5 convolutions and three linear layers, as in PyTorch's tutorial",
    )
    .init(&PYTORCH),
    small("small-cnn", "baselines", plain::small_cnn, "seven convolutions: trains in minutes on two cores"),
    small("kd-conv4", "students", plain::kd_conv4, "four convolutions"),
    small("kd-conv5", "students", plain::kd_conv5, "five convolutions"),
    small("student-conv5-fc1", "students", students::conv5_fc1, "5 convolutions, 1 linear layer"),
    small(
        "student-conv6-fc1-1x1",
        "students",
        students::conv6_fc1_1x1,
        "6 convolutions, two of them 1×1, 1 linear layer",
    ),
    small(
        "student-conv6-fc1-narrow",
        "students",
        students::conv6_fc1_narrow,
        "6 convolutions with fewer channels, 1 linear layer",
    ),
    small("student-conv6-fc1", "students", students::conv6_fc1, "6 convolutions, 1 linear layer"),
    small("student-conv3-fc2", "students", students::conv3_fc2, "3 convolutions, 2 linear layers"),
    small(
        "student-conv4-fc2-1x1",
        "students",
        students::conv4_fc2_1x1,
        "4 convolutions, two of them 1×1, 2 linear layers",
    ),
    small("student-conv4-fc1", "students", students::conv4_fc1, "4 convolutions, 1 linear layer"),
    small("student-conv4-fc2", "students", students::conv4_fc2, "4 convolutions, 2 linear layers"),
    torchvision("alexnet", "AlexNet", alexnet::alexnet, "5 convolutions and 3 linear layers")
        .init(&PYTORCH)
        .weights(published!("alexnet-owt-7be5be79.pth")),
    torchvision("vgg11", "VGG", vgg::vgg11, "8 convolutions and 3 linear layers")
        .init(&vgg::INIT)
        .weights(published!("vgg11-8a719046.pth")),
    torchvision("vgg11_bn", "VGG", vgg::vgg11_bn, "vgg11 with batch norm")
        .init(&vgg::INIT)
        .weights(published!("vgg11_bn-6002323d.pth")),
    torchvision("vgg16", "VGG", vgg::vgg16, "13 convolutions and 3 linear layers")
        .init(&vgg::INIT)
        .weights(published!("vgg16-397923af.pth")),
    torchvision("vgg16_bn", "VGG", vgg::vgg16_bn, "vgg16 with batch norm")
        .init(&vgg::INIT)
        .weights(published!("vgg16_bn-6c64b313.pth")),
    small("tiny-vgg1", "VGG", vgg::tiny_vgg1, "[64, P] and two hidden layers of 512"),
    small("tiny-vgg2", "VGG", vgg::tiny_vgg2, "[64, 64, P] and two hidden layers of 512"),
    small("tiny-vgg3", "VGG", vgg::tiny_vgg3, "[64×2, P, 128×2, P] and two hidden layers of 512"),
    small("tiny-vgg4", "VGG", vgg::tiny_vgg4, "[64×3, P, 128×3, P] and two hidden layers of 512"),
    small("tiny-vgg5", "VGG", vgg::tiny_vgg5, "[64×3, P, 128×3, P, 256×3, P] and two hidden layers of 512"),
    small("vgg16_bn-cifar", "VGG", vgg::vgg16_bn_cifar, "vgg16_bn with one linear layer").init(&vgg::INIT),
    small(
        "vgg16_bn-cifar-large",
        "VGG",
        vgg::vgg16_bn_cifar_large,
        "vgg16_bn with 7×7 features and two hidden layers of 512",
    )
    .init(&vgg::INIT),
    small("simplenet-cifar", "SimpleNet", plain::simplenet, "13 convolutions (Hasanpour et al. 2016)"),
    small("resnet20-cifar", "ResNet", resnet::resnet20_cifar, "He et al. 2016, projection shortcuts"),
    small("resnet56-cifar", "ResNet", resnet::resnet56_cifar, "projection shortcuts"),
    small("resnet18-cifar", "ResNet", resnet::resnet18_cifar, "resnet18 with a 3×3 stem and no max-pool"),
    torchvision("resnet18", "ResNet", resnet::resnet18, "8 basic blocks").weights(published!("resnet18-f37072fd.pth")),
    torchvision("resnet34", "ResNet", resnet::resnet34, "16 basic blocks").weights(published!("resnet34-b627a593.pth")),
    torchvision("resnet50", "ResNet", resnet::resnet50, "16 bottlenecks").weights(published!("resnet50-0676ba61.pth")),
    torchvision("densenet121", "DenseNet", densenet::densenet121, "58 layers that see all earlier ones")
        .init(&densenet::INIT)
        .weights(published!("densenet121-a639ec97.pth")),
    Entry {
        transforms_input: true,
        ..torchvision("googlenet", "Inception", googlenet::googlenet, "9 modules and 2 auxiliary classifiers")
            .init(&googlenet::INIT)
            .weights(published!("googlenet-1378be20.pth"))
    },
    Entry {
        input: [3, 299, 299],
        transforms_input: true,
        ..torchvision("inception_v3", "Inception", inception_v3::inception_v3, "11 modules and 1 auxiliary classifier")
            .init(&inception_v3::INIT)
            .weights(published!("inception_v3_google-0cc3c7bd.pth"))
    },
    torchvision("squeezenet1_1", "SqueezeNet", squeezenet::squeezenet1_1, "8 fire modules")
        .init(&squeezenet::INIT)
        .weights(published!("squeezenet1_1-b8a52dc0.pth")),
    torchvision("squeezenet1_0", "SqueezeNet", squeezenet::squeezenet1_0, "8 fire modules")
        .init(&squeezenet::INIT)
        .weights(published!("squeezenet1_0-b66bff10.pth")),
    torchvision(
        "mobilenet_v3_small",
        "MobileNet",
        mobilenet_v3::mobilenet_v3_small,
        "11 inverted residuals, 9 with squeeze and excitation",
    )
    .init(&mobilenet_v2::INIT)
    .weights(published!("mobilenet_v3_small-047dcff4.pth")),
    torchvision("mobilenet_v2", "MobileNet", mobilenet_v2::mobilenet_v2, "17 inverted residuals")
        .init(&mobilenet_v2::INIT)
        .weights(published!("mobilenet_v2-b0353104.pth")),
    torchvision("shufflenet_v2_x1_0", "ShuffleNet", shufflenet::shufflenet_v2_x1_0, "16 blocks that shuffle channels")
        .init(&PYTORCH)
        .weights(published!("shufflenetv2_x1-5666bf0f80.pth")),
    torchvision(
        "efficientnet_b0",
        "EfficientNet",
        efficientnet::efficientnet_b0,
        "16 inverted residuals with squeeze and excitation",
    )
    .init(&efficientnet::INIT)
    .weights(published!("efficientnet_b0_rwightman-7f5810bc.pth")),
    torchvision("vit_b_16", "ViT", vit::vit_b_16, "12 layers of 12 heads on patches of 16×16")
        .init(&vit::INIT)
        .weights(published!("vit_b_16-c867db91.pth")),
];
