use std::collections::HashSet;

use super::*;
use crate::{init, verify};

#[test]
fn every_network_is_sound_with_its_first_weights() {
    let sizes = [
        ZooOptions::default(),
        ZooOptions { input: [1, 28, 28], classes: 2 },
        ZooOptions { input: [3, 9, 17], classes: 7 },
    ];
    for entry in ENTRIES {
        for options in sizes {
            let graph = build(entry.name, &options).unwrap();
            assert_eq!((graph.name.as_str(), graph.input, graph.classes), (entry.name, options.input, options.classes));
            verify::model(&init::model(graph, 0)).unwrap();
        }
    }
}

#[test]
fn names_are_unique_and_described() {
    assert_eq!(names().collect::<HashSet<_>>().len(), ENTRIES.len());
    assert!(ENTRIES.iter().all(|entry| !entry.description.is_empty()));
}

#[test]
fn resnet18_bears_torchvisions_names() {
    let graph = build("resnet18-cifar", &ZooOptions::default()).unwrap();
    let names: HashSet<String> = graph.params().map(|(name, _)| name).collect();
    for name in [
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv1.weight",
        "layer1.1.bn2.bias",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_var",
        "layer4.1.conv2.weight",
        "fc.weight",
        "fc.bias",
    ] {
        assert!(names.contains(name), "{name}");
    }
    // torchvision's state dict has 122 entries, 20 of which are num_batches_tracked.
    assert_eq!(names.len(), 122 - 20);
    assert!(!names.iter().any(|name| name.starts_with("layer1.0.downsample") || name.ends_with("conv1.bias")));
}

#[test]
fn what_cannot_be_built_is_explained() {
    let error = build("resnet19", &ZooOptions::default()).unwrap_err();
    assert!(
        error.to_string().starts_with(r#"there is no network called "resnet19"; there are linear, tiny-cnn"#),
        "{error}"
    );
    let error = build("kd-conv4", &ZooOptions { input: [3, 4, 4], classes: 10 }).unwrap_err();
    assert_eq!(error.to_string(), "kd-conv4 cannot be built for images of [3, 4, 4]");
    assert!(matches!(build("linear", &ZooOptions { input: [0, 4, 4], classes: 10 }), Err(ZooError::Options { .. })));
    assert!(matches!(build("linear", &ZooOptions { input: [3, 4, 4], classes: 1 }), Err(ZooError::Options { .. })));
}

#[test]
fn the_file_of_a_graph_is_stable() {
    let graph = build("linear", &ZooOptions { input: [1, 2, 2], classes: 3 }).unwrap();
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
        let graph = build(name, &ZooOptions::default()).unwrap();
        assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph);
    }
}
