//! torchvision's networks begin as torchvision's do.

use super::*;
use crate::init::Draw;

/// Network, tensor, and the standard deviation of its elements in torchvision 0.26: large tensors, in which it is known to a
/// few percent. In full, all 3389 tensors of these networks had its means and deviations.
const TENSORS: [(&str, &str, f64); 39] = [
    ("alexnet", "features.3.weight", 1.4405e-2),
    ("alexnet", "classifier.1.weight", 6.0133e-3),
    ("alexnet", "classifier.1.bias", 6.0476e-3),
    ("vgg11", "features.16.weight", 2.0824e-2),
    ("vgg11", "features.16.bias", 0.0),
    ("vgg11", "classifier.3.weight", 9.9961e-3),
    ("vgg11", "classifier.3.bias", 0.0),
    ("resnet50", "layer3.0.conv2.weight", 2.9478e-2),
    ("resnet50", "fc.weight", 1.2761e-2),
    ("densenet121", "features.denseblock3.denselayer5.conv1.weight", 7.2500e-2),
    ("densenet121", "classifier.weight", 1.8042e-2),
    ("densenet121", "classifier.bias", 0.0),
    ("googlenet", "inception4c.branch2.1.conv.weight", 9.9960e-3),
    ("googlenet", "aux1.fc1.weight", 1.0008e-2),
    ("googlenet", "aux1.fc1.bias", 1.3277e-2),
    ("inception_v3", "Mixed_6c.branch7x7_2.conv.weight", 1.0008e-1),
    ("inception_v3", "fc.weight", 1.0003e-1),
    ("inception_v3", "AuxLogits.fc.weight", 1.0014e-3),
    ("mobilenet_v2", "features.14.conv.1.0.weight", 1.9903e-2),
    ("mobilenet_v2", "classifier.1.weight", 1.0002e-2),
    ("mobilenet_v3_small", "features.9.block.2.fc1.weight", 1.6803e-1),
    ("mobilenet_v3_small", "classifier.0.weight", 1.0006e-2),
    ("squeezenet1_1", "features.9.expand3x3.weight", 6.8153e-2),
    ("squeezenet1_1", "classifier.1.weight", 1.0007e-2),
    ("shufflenet_v2_x1_0", "stage4.2.branch2.0.weight", 3.8006e-2),
    ("shufflenet_v2_x1_0", "stage4.2.branch2.3.weight", 1.9515e-1),
    ("shufflenet_v2_x1_0", "fc.weight", 1.8041e-2),
    ("efficientnet_b0", "features.6.1.block.1.0.weight", 8.3694e-3),
    ("efficientnet_b0", "classifier.1.weight", 1.8264e-2),
    ("efficientnet_b0", "classifier.1.bias", 0.0),
    ("vit_b_16", "conv_proj.weight", 3.6062e-2),
    ("vit_b_16", "encoder.pos_embedding", 1.9974e-2),
    ("vit_b_16", "class_token", 0.0),
    ("vit_b_16", "encoder.layers.encoder_layer_3.self_attention.in_proj_weight", 2.5525e-2),
    ("vit_b_16", "encoder.layers.encoder_layer_3.self_attention.out_proj.weight", 2.0824e-2),
    ("vit_b_16", "encoder.layers.encoder_layer_3.self_attention.out_proj.bias", 0.0),
    ("vit_b_16", "encoder.layers.encoder_layer_3.mlp.0.weight", 2.2812e-2),
    ("vit_b_16", "encoder.layers.encoder_layer_3.mlp.0.bias", 1.0029e-6),
    ("vit_b_16", "heads.head.weight", 0.0),
];

#[test]
fn own_schemes_have_torchvisions_deviations() {
    for (name, tensor, expected) in TENSORS {
        let graph = published(name, 1000);
        let found = graph.nodes.iter().flat_map(|node| node.params().map(move |(full, param)| (full, node, param)));
        let (_, node, param) = found.into_iter().find(|(full, ..)| full == tensor).unwrap();
        let deviation = match entry(name).unwrap().init.draw(node, &param) {
            Draw::Constant(_) => 0.0,
            Draw::Normal(deviation) => deviation,
            Draw::Uniform(bound) => bound / 3f64.sqrt(),
        };
        assert!(
            (deviation - expected).abs() <= 0.04 * expected,
            "{tensor} of {name}: {deviation} instead of {expected}"
        );
    }
}

/// A seed must give the same bytes on every platform, or studies could not be repeated.
#[test]
fn own_schemes_are_the_same_bytes_everywhere() {
    for (name, expected) in [("squeezenet1_1", "e2c5076b2f2ed17a"), ("shufflenet_v2_x1_0", "44978e3df98173a5")] {
        let model = model(name, &ZooOptions::new([3, 64, 64], 10), Init::Torchvision, 7).unwrap();
        let digest = blake3::hash(&model.weights.to_safetensors().unwrap());
        assert_eq!(&digest.to_hex()[..16], expected, "{name}");
    }
}
