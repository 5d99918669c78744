//! torchvision's networks are torchvision's.
//!
//! The numbers were read from torchvision 0.26: parameters with `sum(p.numel() for p in model.parameters())` (auxiliary
//! classifiers included), MACs from the weights' metadata (`_ops`, in 10⁹, rounded to three digits), and names and shapes from
//! `state_dict()`, without the counters `num_batches_tracked`.

use std::collections::HashSet;

use super::*;
use crate::cost;

/// Name, parameters, 10⁶ MACs, entries of the state dict, and digest of its names and shapes.
const NETWORKS: [(&str, u64, f64, usize, &str); 18] = [
    ("alexnet", 61_100_840, 714.0, 16, "06bb671bc93d7df9"),
    ("vgg11", 132_863_336, 7609.0, 22, "36d59aaff48c8b8c"),
    ("vgg11_bn", 132_868_840, 7609.0, 54, "8e02b8601cd90c82"),
    ("vgg16", 138_357_544, 15_470.0, 32, "caaf2aa3c03ab913"),
    ("vgg16_bn", 138_365_992, 15_470.0, 84, "ab7c24bd55904b05"),
    ("resnet18", 11_689_512, 1814.0, 102, "aa44842de09e73b5"),
    ("resnet34", 21_797_672, 3664.0, 182, "737c3d9e8664e3d3"),
    ("resnet50", 25_557_032, 4089.0, 267, "9131261a70bc803c"),
    ("densenet121", 7_978_856, 2834.0, 606, "5987cd72fa4c4b59"),
    ("googlenet", 13_004_888, 1498.0, 305, "1a05432a0e828d7e"),
    ("inception_v3", 27_161_264, 5713.0, 484, "59c2ef616417ac00"),
    ("mobilenet_v2", 3_504_872, 301.0, 262, "29f93cfd841a4afc"),
    ("mobilenet_v3_small", 2_542_856, 57.0, 210, "8dc5e79d859900ae"),
    ("squeezenet1_0", 1_248_424, 819.0, 52, "a579ad77b0f30cc3"),
    ("squeezenet1_1", 1_235_496, 349.0, 52, "3b624a3b23d337d5"),
    ("shufflenet_v2_x1_0", 2_278_604, 145.0, 282, "35344ce2f407ad3e"),
    ("efficientnet_b0", 5_288_548, 386.0, 311, "37418eb1b665073c"),
    ("vit_b_16", 86_567_656, 17_564.0, 152, "273240aa0a7ec38a"),
];

#[test]
fn parameters_are_equal_to_the_unit() {
    for (name, parameters, ..) in NETWORKS {
        assert_eq!(cost::count(&published(name, 1000)).unwrap().parameters, parameters, "{name}");
    }
}

/// From `MobileNetV2(width_mult=…)`, `_mobilenet_v3_conf("mobilenet_v3_small", width_mult=…)` and
/// `_efficientnet_conf("efficientnet_b0", width_mult=…, depth_mult=1.0)`.
#[test]
fn widths_are_torchvisions_where_it_has_them() {
    let widths: [(&str, &[(f64, u64)]); 3] = [
        ("mobilenet_v2", &[(0.35, 1_677_128), (0.5, 1_968_680), (0.75, 2_636_424), (1.3, 5_386_792), (1.4, 6_108_776)]),
        ("mobilenet_v3_small", &[(0.5, 917_264), (0.75, 1_653_920), (1.25, 3_644_912)]),
        ("efficientnet_b0", &[(0.5, 1_712_522), (1.1, 6_117_956), (1.4, 9_670_210)]),
    ];
    for (name, widths) in widths {
        for &(width, parameters) in widths {
            let options = ZooOptions { width, ..ZooOptions::new([3, 224, 224], 1000) };
            assert_eq!(
                cost::count(&build(name, &options).unwrap()).unwrap().parameters,
                parameters,
                "{name} at {width}"
            );
        }
    }
}

/// One line `name 64x3x7x7` for each tensor, sorted by name: how the digests were made from torchvision's state dicts.
#[test]
fn state_dicts_have_the_same_names_and_shapes() {
    for (name, _, _, entries, digest) in NETWORKS {
        let line = |(name, param): (String, crate::op::Param)| {
            let shape: Vec<String> = param.shape.iter().map(ToString::to_string).collect();
            format!("{name} {}\n", shape.join("x"))
        };
        let mut lines: Vec<String> = published(name, 1000).params().map(line).collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), entries, "{name}");
        assert_eq!(&blake3::hash(lines.concat().as_bytes()).to_hex()[..16], digest, "{name}");
    }
}

/// What is deployed is counted: `_ops` leaves out the auxiliary classifiers.
#[test]
fn multiply_accumulates_are_those_that_are_published() {
    for (name, _, expected, ..) in NETWORKS {
        let graph = published(name, 1000);
        let deployed = graph.deployed_nodes();
        let nodes = cost::count(&graph).unwrap().nodes;
        let macs: u64 = nodes.iter().filter(|node| deployed.contains(node.name.as_str())).map(|node| node.macs).sum();
        let found = macs as f64 / 1e6;
        assert!((found - expected).abs() <= 0.51, "{name}: {found} M instead of {expected} M");
    }
}

#[test]
fn auxiliary_classifiers_are_trained_and_not_deployed() {
    for (name, weights, deployed) in [("googlenet", vec![0.3, 0.3], 6_624_904), ("inception_v3", vec![0.4], 23_834_568)]
    {
        let graph = published(name, 1000);
        assert_eq!(graph.auxiliary.iter().map(|auxiliary| auxiliary.loss_weight).collect::<Vec<_>>(), weights);
        let needed = graph.deployed_nodes();
        let nodes = cost::count(&graph).unwrap().nodes;
        let kept = nodes.iter().filter(|node| needed.contains(node.name.as_str()));
        assert_eq!(kept.map(|node| node.parameters).sum::<u64>(), deployed, "{name}");
    }
}

#[test]
fn a_resnet_for_small_images_bears_torchvisions_names_too() {
    let names = |name| published(name, 1000).params().map(|(name, _)| name).collect::<HashSet<_>>();
    assert_eq!(names("resnet18-cifar"), names("resnet18"));
}

#[test]
fn published_weights_have_the_digest_of_their_name() {
    for (name, ..) in NETWORKS {
        let weights = pretrained(name).unwrap_or_else(|| panic!("{name} has no weights"));
        assert!(weights.url.starts_with("https://download.pytorch.org/models/"), "{}", weights.url);
        assert!(weights.sha256_prefix.len() >= 8 && weights.sha256_prefix.bytes().all(|c| c.is_ascii_hexdigit()));
    }
    let resnet18 = pretrained("resnet18").unwrap();
    assert_eq!(resnet18.url, "https://download.pytorch.org/models/resnet18-f37072fd.pth");
    assert_eq!(resnet18.sha256_prefix, "f37072fd");
    assert_eq!(pretrained("shufflenet_v2_x1_0").unwrap().sha256_prefix, "5666bf0f80");
    assert_eq!(pretrained("resnet18-cifar"), None);
}
