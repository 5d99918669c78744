//! What cannot be built is explained.

use std::error::Error;

use proptest::prelude::*;

use super::*;

fn message(name: &str, options: ZooOptions) -> String {
    build(name, &options).unwrap_err().to_string()
}

#[test]
fn an_unknown_name_suggests_the_nearest_ones() {
    let of = |name| message(name, ZooOptions::default());
    assert_eq!(
        of("resnet19"),
        r#"there is no network called "resnet19"; the nearest are resnet18, resnet34, resnet50"#
    );
    assert!(of("shufflenet").ends_with("the nearest are shufflenet_v2_x1_0"), "{}", of("shufflenet"));
    assert!(of("Inception-V3").ends_with("the nearest are inception_v3"), "{}", of("Inception-V3"));
    assert!(of("banana").ends_with(&format!("the zoo has {} others", ENTRIES.len())), "{}", of("banana"));
    assert!(matches!(input("resnet19"), Err(ZooError::Unknown(_))));
    assert_eq!(pretrained("resnet19"), None);
}

#[test]
fn an_image_that_is_too_small_names_the_least_size() {
    assert_eq!(
        message("kd-conv4", ZooOptions::new([3, 4, 4], 10)),
        "kd-conv4 cannot be built for images of [3, 4, 4]; it takes 8×8 and larger"
    );
    // torchvision's own `min_size`.
    for (name, least) in [("alexnet", 63), ("vgg16", 32), ("squeezenet1_0", 21), ("squeezenet1_1", 17)] {
        let error = message(name, ZooOptions::new([3, 16, 16], 10));
        assert!(error.ends_with(&format!("it takes {least}×{least} and larger")), "{name}: {error}");
    }
    let error = message("inception_v3", ZooOptions::new([3, 74, 74], 10));
    assert!(error.ends_with("it takes 75×75 and larger"), "{error}");
    let error = message("densenet121", ZooOptions::new([3, 28, 28], 10));
    assert!(error.ends_with("it takes 29×29 and larger"), "{error}");
}

#[test]
fn vit_takes_whole_patches_only() {
    let error = build("vit_b_16", &ZooOptions::new([3, 230, 224], 10)).unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert_eq!(cause, r#"node "conv_proj": patches of 16×16 do not divide an image of 230×224"#);
}

#[test]
fn sizes_that_no_network_can_have_are_named() {
    for options in [
        ZooOptions::new([0, 4, 4], 10),
        ZooOptions::new([3, 4, 4], 1),
        ZooOptions::new([3, usize::MAX, 4], 10),
        ZooOptions::new([3, 4, 4], usize::MAX),
    ] {
        assert!(matches!(build("linear", &options), Err(ZooError::Options { .. })), "{options:?}");
    }
    for width in [0.0, -1.0, 1e-9, 1e9, f64::NAN, f64::INFINITY] {
        let options = ZooOptions { width, ..ZooOptions::default() };
        assert!(matches!(build("resnet20-cifar", &options), Err(ZooError::Width(_))), "{width}");
    }
    assert_eq!(
        message("resnet20-cifar", ZooOptions { width: 0.0, ..ZooOptions::default() }),
        "a width of 0 is not between 0.01 and 16"
    );
}

/// Overflow would panic here.
#[test]
fn the_largest_networks_that_can_be_asked_for_can_be_counted_or_name_what_no_machine_holds() {
    for entry in ENTRIES {
        let largest = ZooOptions { width: 16.0, ..ZooOptions::new([1024, 1 << 14, 1 << 14], 1 << 20) };
        match build(entry.name, &largest) {
            Ok(graph) => {
                let cost = crate::cost::count(&graph).unwrap();
                assert!(cost.parameters > 0 && cost.macs > 0, "{}", entry.name);
            }
            Err(ZooError::Shape { source, .. }) => {
                assert!(matches!(*source, ShapeError::Node { problem: ShapeProblem::Size { .. }, .. }), "{source}");
            }
            Err(other) => panic!("{}: {other}", entry.name),
        }
    }
}

#[test]
fn only_the_networks_that_transform_their_input_do() {
    let ask = |name, input| build(name, &ZooOptions { transform_input: true, ..ZooOptions::new(input, 10) });
    let affine = |graph: &Graph| graph.nodes.iter().any(|node| node.op.kind() == "input_affine");
    assert!(affine(&ask("googlenet", [3, 224, 224]).unwrap()) && affine(&ask("inception_v3", [3, 299, 299]).unwrap()));
    assert!(matches!(ask("resnet18", [3, 224, 224]), Err(ZooError::TransformInput { name: "resnet18" })));
    assert!(matches!(ask("googlenet", [1, 224, 224]), Err(ZooError::TransformInput { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for comes out sound, or with a size that does.
    #[test]
    fn networks_are_sound_or_refused(
        entry in 0..ENTRIES.len(), input in [1..5usize, 1..120usize, 1..120usize], width in 0.01..2.0f64, classes in 2..50usize
    ) {
        let name = ENTRIES[entry].name;
        let options = ZooOptions { width, ..ZooOptions::new(input, classes) };
        match build(name, &options) {
            Ok(graph) => prop_assert!(verify::graph(&graph).is_ok(), "{} {:?}", name, options),
            Err(ZooError::Shape { least: Some(side), .. }) => {
                prop_assert!(side > input[1].min(input[2]), "{}: {} for {:?}", name, side, input);
                let enough = ZooOptions { input: [input[0], side, side], ..options };
                prop_assert!(build(name, &enough).is_ok(), "{} {:?}", name, enough);
            }
            Err(error) => prop_assert!(name == "vit_b_16" && error.source().is_some(), "{}: {}", name, error),
        }
    }
}
