//! What cannot be imported is named, and no file makes the importer panic.

use proptest::prelude::*;

use super::super::ImportError;
use super::file::{File, number};
use crate::onnx::export::write::{int, ints};
use crate::{init, onnx, zoo};

fn message(file: &File) -> String {
    onnx::import(&file.bytes(), "file").unwrap_err().to_string()
}

#[test]
fn the_operator_the_node_and_the_remedy_are_named() {
    let base = || File::small().conv("x", "c", 4);
    let cases = [
        (base().node("Tanh", &["c"], "t", &[]), "Tanh node \"t\": sweep has no such operator"),
        (base().node("If", &["c"], "t", &[]), "export with fixed image sizes"),
        (base().node("QLinearConv", &["c"], "t", &[]), "this file is quantized; import the float network"),
        (base().node("Relu", &["nobody"], "t", &[]), "it reads \"nobody\", which no earlier node computes"),
        (base().node("Relu", &[], "t", &[]), "its input 0 is missing"),
        (base().node("Conv", &["x", "c"], "t", &[]), "its weight is computed while the network runs"),
        (base().node("HardSigmoid", &["c"], "t", &[number("alpha", 0.2)]), "alpha = 0.2 is not supported: 1/6"),
        (base().node("Clip", &["c"], "t", &[number("max", 3.0)]), "min, max"),
        (base().node("Sub", &["c", "x"], "t", &[]), "differences of two values"),
        (base().node("MaxPool", &["c"], "t", &[ints("kernel_shape", [2; 2]), ints("dilations", [2; 2])]), "dilations"),
        (base().node("MaxPool", &["c"], "t", &[ints("kernel_shape", [9; 2])]), "a window of 9 does not fit into 8"),
        (base().node("Concat", &["c", "x"], "t", &[int("axis", 2)]), "1, the channels"),
        (
            base().node("Transpose", &["c"], "t", &[ints("perm", [0, 2, 3, 1])]).node(
                "MaxPool",
                &["t"],
                "u",
                &[ints("kernel_shape", [2; 2])],
            ),
            "in the layout [N, x2:8, x3:8, x1:4]",
        ),
        (base().node("MatMul", &["c", "x"], "t", &[]).node("Relu", &["t"], "u", &[]), "attention is supported"),
    ];
    for (file, expected) in cases {
        let found = message(&file);
        assert!(found.contains(expected), "{found:?} does not say {expected:?}");
    }
}

#[test]
fn inputs_and_outputs_that_are_no_classifier_s() {
    let free = File::new(&[None, Some(3), None, None]).classifier("x", 3);
    assert!(
        message(&free)
            .contains("the input \"x\" has shape [?, 3, ?, ?]; sweep imports classifiers with one input [N, C, H, W]")
    );
    assert!(message(&File::new(&[None, Some(3)])).contains("has shape [?, 3]"));
    let planes = File::small().conv("x", "y", 4);
    assert!(message(&planes).contains("the output has shape [N, 4, 8, 8]"));
    let constant = File::small().floats("y", &[5], &[0.0; 5]);
    assert!(message(&constant).contains("not computed from the images"));
    let mut two = File::small().classifier("x", 4);
    two.0.output.push(two.0.output[0].clone());
    assert!(message(&two).contains("the file has 2 outputs"));
    assert!(matches!(onnx::import(b"junk that is no protobuf", "file"), Err(ImportError::NotOnnx(_))));
    assert!(matches!(onnx::import(b"", "file"), Err(ImportError::NotOnnx(_))));
}

#[test]
fn a_softmax_or_scale_inside_of_the_network_is_named() {
    let softmax = File::small().node("Softmax", &["x"], "s", &[]).classifier("s", 4);
    assert!(message(&softmax).contains("a softmax is supported in attention, and behind the logits"));
    let erf = File::small().node("Erf", &["x"], "s", &[]).classifier("s", 4);
    assert!(message(&erf).contains("the error function is supported as part of GELU"));
}

#[test]
fn small_files_that_ask_for_much_are_refused() {
    let repeated = File::small()
        .ints("much", &[2], &[1 << 30, 1 << 30])
        .node("ConstantOfShape", &["much"], "huge", &[])
        .classifier("x", 4);
    assert!(message(&repeated).contains("more than 65536 elements"));
    let mut file = File::small().ints("sizes", &[4], &[-1, 1, 256, 1]);
    let mut value = "x".to_owned();
    for index in 0..64 {
        let next = format!("d{index}");
        file = file.node("Concat", &[&value, &value], &next, &[int("axis", 1)]);
        value = next;
    }
    assert!(message(&file).contains("its value would have more than"), "{}", message(&file));
}

/// A sound file to spoil.
fn sound() -> Vec<u8> {
    let graph = zoo::build("tiny-cnn", &zoo::ZooOptions::default()).unwrap();
    onnx::export(&init::model(graph, 1)).unwrap()
}

proptest! {
    #[test]
    fn no_change_of_bytes_makes_it_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()) {
        // Most bytes are weights; the graph is at the beginning.
        let mut bytes = sound();
        let graph = bytes.len().min(4000);
        for (index, byte) in changes {
            let at = index.index(graph);
            bytes[at] = byte;
        }
        let _ = onnx::import(&bytes, "file");
        bytes.truncate(cut.index(bytes.len()));
        let _ = onnx::import(&bytes, "file");
    }

    #[test]
    fn no_graph_of_known_operators_makes_it_panic(nodes in prop::collection::vec((0..OPERATORS.len(), prop::collection::vec(0..20usize, 0..5), prop::collection::vec(-3..6i64, 0..6)), 1..12)) {
        let mut file = File::small()
            .ints("v1", &[1], &[1]).ints("v2", &[2], &[0, -1]).ints("v3", &[], &[2]).ints("v4", &[4], &[0, 2, 2, 64])
            .floats("v5", &[], &[0.5]).random("v6", &[4, 4, 3, 3]).random("v7", &[4]).random("v8", &[4, 4]);
        for (index, (op, inputs, values)) in nodes.into_iter().enumerate() {
            let inputs: Vec<String> = inputs.iter().map(|input| if *input == 0 { "x".into() } else { format!("v{}", input.min(&(8 + index))) }).collect();
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let mut axes = ints("axes", []);
            axes.ints.clone_from(&values);
            let named = |name: &str| { let mut list = axes.clone(); list.name = name.into(); list };
            let axis = int("axis", values.first().map_or(1, |value| (*value).clamp(0, 3) as usize as i64));
            let attributes = [axis, named("axes"), named("perm"), named("kernel_shape"), named("strides"), named("pads")];
            file = file.node(OPERATORS[op], &inputs, &format!("v{}", 9 + index), &attributes);
            file.0.output[0].name = format!("v{}", 9 + index);
        }
        let _ = onnx::import(&file.bytes(), "file");
    }
}

const OPERATORS: [&str; 36] = [
    "Add",
    "Mul",
    "Sub",
    "Div",
    "Relu",
    "Sigmoid",
    "Clip",
    "Conv",
    "Gemm",
    "MatMul",
    "MaxPool",
    "AveragePool",
    "ReduceMean",
    "GlobalAveragePool",
    "Reshape",
    "Transpose",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Slice",
    "Split",
    "Gather",
    "Concat",
    "Expand",
    "Shape",
    "Softmax",
    "BatchNormalization",
    "LayerNormalization",
    "Pad",
    "Range",
    "ConstantOfShape",
    "Where",
    "Cast",
    "Erf",
    "Equal",
    "Identity",
];
