use std::collections::HashSet;

use super::*;
use crate::graph::Graph;
use crate::{init, verify};

mod errors;
mod first_weights;
mod torchvision;

fn published(name: &str, classes: usize) -> Graph {
    build(name, &ZooOptions::new(input(name).unwrap(), classes)).unwrap()
}

/// Weights of more than a hundred million parameters would take seconds.
fn is_large(entry: &Entry) -> bool {
    ["VGG", "ViT"].contains(&entry.family) && entry.input[1] > 32
}

#[test]
fn every_network_is_sound_with_its_first_weights() {
    for entry in ENTRIES {
        for (channels, classes) in [(3, 10), (1, 2)] {
            let options = ZooOptions::new([channels, entry.input[1], entry.input[2]], classes);
            let graph = build(entry.name, &options).unwrap();
            assert_eq!((graph.name.as_str(), graph.input, graph.classes), (entry.name, options.input, classes));
            if is_large(entry) {
                verify::graph(&graph).unwrap();
            } else {
                verify::model(&init::model_by(entry.init, graph, 0)).unwrap();
            }
        }
    }
}

#[test]
fn networks_can_be_built_for_other_sizes() {
    for entry in ENTRIES {
        let side = entry.input[1];
        // ViT takes whole patches only.
        for input in [[3, side + 16, side + 32], [3, side * 2, side]] {
            let graph = build(entry.name, &ZooOptions::new(input, 7)).unwrap();
            verify::graph(&graph).unwrap_or_else(|error| panic!("{} for {input:?}: {error}", entry.name));
        }
    }
}

#[test]
fn classes_change_nothing_but_the_last_layers() {
    for entry in ENTRIES {
        let (ten, hundred) = (published(entry.name, 10), published(entry.name, 100));
        let last = classifiers(&ten);
        assert_eq!(last.len(), 1 + ten.auxiliary.len(), "{}", entry.name);
        for (a, b) in ten.nodes.iter().zip(&hundred.nodes) {
            assert_eq!(a == b, !last.contains(&a.name), "{} of {}", a.name, entry.name);
        }
    }
    let of = |name| classifiers(&published(name, 10));
    assert_eq!(of("squeezenet1_0"), ["classifier.1"]);
    assert_eq!(of("googlenet"), ["fc", "aux1.fc2", "aux2.fc2"]);
    assert_eq!(of("inception_v3"), ["fc", "AuxLogits.fc"]);
    assert_eq!(of("vit_b_16"), ["heads.head"]);
}

#[test]
fn width_multiplies_channels_in_multiples_of_eight() {
    let of = |name: &str, width| build(name, &ZooOptions { width, ..ZooOptions::new(input(name).unwrap(), 10) });
    let channels = |graph: &Graph, conv: &str| match &graph.node(conv).unwrap().op {
        crate::op::Op::Conv2d(conv) => conv.out_channels,
        other => panic!("{other:?}"),
    };
    let half = of("resnet18", 0.5).unwrap();
    assert_eq!((channels(&half, "conv1"), channels(&half, "layer4.1.conv2")), (32, 256));
    let thin = of("mobilenet_v2", 0.35).unwrap();
    // 96 · 0.35 = 33.6, and the last convolution stays.
    assert_eq!((channels(&thin, "features.11.conv.2"), channels(&thin, "features.18.0")), (32, 1280));
    for entry in ENTRIES {
        for width in [0.01, 0.25, 0.75, 1.5] {
            let graph = of(entry.name, width).unwrap();
            verify::graph(&graph).unwrap_or_else(|error| panic!("{} at {width}: {error}", entry.name));
        }
        assert_eq!(of(entry.name, 1.0).unwrap(), published(entry.name, 10));
    }
}

#[test]
fn names_are_unique_and_described() {
    assert_eq!(names().collect::<HashSet<_>>().len(), ENTRIES.len());
    assert!(ENTRIES.iter().all(|entry| !entry.description.is_empty() && !entry.family.is_empty()));
    // Families lie together, for lists.
    let mut families: Vec<_> = ENTRIES.iter().map(|entry| entry.family).collect();
    families.dedup();
    assert_eq!(families.iter().collect::<HashSet<_>>().len(), families.len());
}

#[test]
fn networks_for_small_images_have_the_sizes_that_are_promised() {
    let parameters = [
        ("linear", 30_730),
        ("tiny-cnn", 7_490),
        ("simple-cnn", 62_006),
        ("small-cnn", 292_954),
        ("student-conv5-fc1", 187_226),
        ("student-conv6-fc1-1x1", 191_146),
        ("student-conv6-fc1-narrow", 253_354),
        ("student-conv6-fc1", 278_730),
        ("student-conv3-fc2", 357_034),
        ("student-conv4-fc2-1x1", 375_338),
        ("student-conv4-fc1", 399_146),
        ("student-conv4-fc2", 653_866),
        ("resnet20-cifar", 272_474),
        ("resnet56-cifar", 855_770),
        ("resnet18-cifar", 11_173_962),
        ("simplenet-cifar", 5_493_834),
        ("vgg16_bn-cifar", 14_728_266),
        ("vgg16_bn-cifar-large", 27_836_490),
    ];
    for (name, expected) in parameters {
        assert_eq!(crate::cost::count(&published(name, 10)).unwrap().parameters, expected, "{name}");
    }
}

#[test]
fn the_file_of_a_graph_is_stable() {
    let graph = build("linear", &ZooOptions::new([1, 2, 2], 3)).unwrap();
    let golden = r#"{
  "format": 2,
  "name": "linear",
  "input": [
    1,
    2,
    2
  ],
  "classes": 3,
  "nodes": [
    {
      "name": "input",
      "op": {
        "kind": "input"
      }
    },
    {
      "name": "flatten",
      "op": {
        "kind": "flatten"
      },
      "inputs": [
        "input"
      ]
    },
    {
      "name": "fc",
      "op": {
        "kind": "linear",
        "in_features": 4,
        "out_features": 3,
        "bias": true
      },
      "inputs": [
        "flatten"
      ]
    }
  ],
  "output": "fc"
}
"#;
    assert_eq!(graph.to_json(), golden);
    for name in names() {
        let graph = published(name, 10);
        assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph);
    }
}
