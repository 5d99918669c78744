//! Ways to spell an op that exporters have, or had.

use super::file::{File, number};
use super::{difference, ops};
use crate::model::Model;
use crate::onnx;
use crate::onnx::export::write::{int, ints};
use crate::op::{Op, Pool2d};

fn imported(file: &File) -> Model {
    onnx::import(&file.bytes(), "file").unwrap_or_else(|error| panic!("{error}"))
}

/// A file where `spell` computes `a` from the convolution's output `c`, four channels each.
fn activation(spell: impl Fn(File) -> File) -> Model {
    imported(&spell(File::small().conv("x", "c", 4)).classifier("a", 4))
}

#[test]
fn activations_in_many_spellings() {
    let hinge = |file: File| {
        file.floats("three", &[], &[3.0])
            .floats("low", &[], &[0.0])
            .floats("high", &[], &[6.0])
            .node("Add", &["c", "three"], "shifted", &[])
            .node("Clip", &["shifted", "low", "high"], "hinge", &[])
            .floats("six", &[], &[6.0])
    };
    let erf = |file: File| {
        file.floats("root", &[], &[std::f32::consts::SQRT_2])
            .floats("one", &[], &[1.0])
            .floats("half", &[], &[0.5])
            .node("Div", &["c", "root"], "scaled", &[])
            .node("Erf", &["scaled"], "erf", &[])
            .node("Add", &["erf", "one"], "sum", &[])
    };
    let cases: Vec<(Op, Model)> = vec![
        (Op::Relu6, activation(|f| f.node("Clip", &["c"], "a", &[number("min", 0.0), number("max", 6.0)]))),
        (Op::Relu, activation(|f| f.node("Clip", &["c"], "a", &[number("min", 0.0)]))),
        (Op::Silu, activation(|f| f.node("Sigmoid", &["c"], "s", &[]).node("Mul", &["s", "c"], "a", &[]))),
        (Op::Hardsigmoid, activation(|f| hinge(f).node("Div", &["hinge", "six"], "a", &[]))),
        (
            Op::Hardsigmoid,
            activation(|f| {
                f.floats("sixth", &[], &[1.0 / 6.0])
                    .floats("half", &[1], &[0.5])
                    .node("Mul", &["sixth", "c"], "m", &[])
                    .node("Add", &["m", "half"], "s", &[])
                    .node("Clip", &["s"], "a", &[number("min", 0.0), number("max", 1.0)])
            }),
        ),
        (
            Op::Hardswish,
            activation(|f| hinge(f).node("Mul", &["c", "hinge"], "m", &[]).node("Div", &["m", "six"], "a", &[])),
        ),
        (
            Op::Hardswish,
            activation(|f| hinge(f).node("Div", &["hinge", "six"], "h", &[]).node("Mul", &["h", "c"], "a", &[])),
        ),
        (Op::Hardswish, activation(|f| f.node("HardSwish", &["c"], "a", &[]))),
        (Op::Gelu, activation(|f| erf(f).node("Mul", &["c", "sum"], "m", &[]).node("Mul", &["m", "half"], "a", &[]))),
        (Op::Gelu, activation(|f| erf(f).node("Mul", &["c", "half"], "m", &[]).node("Mul", &["m", "sum"], "a", &[]))),
        (Op::Gelu, activation(|f| erf(f).node("Mul", &["half", "sum"], "m", &[]).node("Mul", &["c", "m"], "a", &[]))),
        (Op::Gelu, activation(|f| f.node("Gelu", &["c"], "a", &[]))),
    ];
    for (expected, model) in cases {
        let found = ops(&model);
        assert_eq!(found.len(), 6, "input, convolution, activation, pooling, flatten, linear: {found:?}");
        assert_eq!(*found[2], expected);
    }
}

#[test]
fn numbers_behind_a_layer_become_part_of_it() {
    let plain = activation(|f| f.node("Identity", &["c"], "a", &[]));
    let biased =
        activation(|f| f.floats("bias", &[1, 4, 1, 1], &[0.5, -1.0, 0.25, 2.0]).node("Add", &["c", "bias"], "a", &[]));
    let found = ops(&biased);
    assert!(matches!(found[1], Op::Conv2d(conv) if conv.bias), "{found:?}");
    assert_eq!(biased.weights.param("c", "bias").unwrap().data, [0.5, -1.0, 0.25, 2.0]);
    assert!(difference(&plain, &biased) > 0.01);
    let doubled = activation(|f| f.floats("two", &[], &[2.0]).node("Mul", &["two", "c"], "a", &[]));
    let twice: Vec<f32> = plain.weights.param("c", "weight").unwrap().data.iter().map(|value| value * 2.0).collect();
    assert_eq!(doubled.weights.param("c", "weight").unwrap().data, twice);
}

#[test]
fn a_normalisation_of_the_image_stays_fixed() {
    let file = File::small()
        .floats("mean", &[4, 1, 1], &[0.5, 0.25, 0.0, 0.125])
        .floats("std", &[1, 4, 1, 1], &[0.5, 2.0, 1.0, 4.0])
        .node("Sub", &["x", "mean"], "s", &[])
        .node("Div", &["s", "std"], "n", &[])
        .conv("n", "c", 4)
        .classifier("c", 4);
    let expected = Op::InputAffine { scale: vec![2.0, 0.5, 1.0, 0.25], shift: vec![-1.0, -0.125, 0.0, -0.03125] };
    assert_eq!(*ops(&imported(&file))[1], expected);
}

#[test]
fn a_gate_of_linear_layers_becomes_one_of_convolutions() {
    let gate = |last: &str| {
        File::small()
            .conv("x", "c", 4)
            .node("GlobalAveragePool", &["c"], "p", &[])
            .ints("flat", &[2], &[-1, 4])
            .node("Reshape", &["p", "flat"], "v", &[])
            .random("se.weight", &[4, 4])
            .random("se.bias", &[4])
            .node("Gemm", &["v", "se.weight", "se.bias"], "l", &[int("transB", 1)])
            .node("Sigmoid", &["l"], "s", &[])
            .ints("planes", &[4], &[-1, 4, 1, 1])
            .node("Reshape", &["s", "planes"], "g", &[])
            .node("Mul", if last == "left" { &["g", "c"] } else { &["c", "g"] }, "a", &[])
            .classifier("a", 4)
    };
    for side in ["left", "right"] {
        let model = imported(&gate(side));
        let found = ops(&model);
        let convolutions = found.iter().filter(|op| matches!(op, Op::Conv2d(_))).count();
        assert_eq!((convolutions, found.len()), (2, 9), "{found:?}");
        assert_eq!(model.weights.param("se", "weight").unwrap().shape, [4, 4, 1, 1]);
    }
}

#[test]
fn zeros_around_the_image_belong_to_the_layer_behind() {
    let padded = File::small()
        .ints("pads", &[8], &[0, 0, 1, 1, 0, 0, 1, 1])
        .node("Pad", &["x", "pads"], "p", &[])
        .random("c.weight", &[4, 4, 3, 3])
        .node("Conv", &["p", "c.weight"], "c", &[])
        .classifier("c", 4);
    let direct = activation(|f| f.node("Identity", &["c"], "a", &[]));
    assert!(difference(&imported(&padded), &direct) == 0.0);
}

#[test]
fn pooling_of_every_kind() {
    let with = |op: &str, attributes: &[_]| {
        let file = File::small().conv("x", "c", 4).node(op, &["c"], "a", attributes).classifier("a", 4);
        imported(&file).graph.nodes[2].op.clone()
    };
    let kernel = |size: usize| ints("kernel_shape", [size; 2]);
    let strides = ints("strides", [2; 2]);
    assert_eq!(with("MaxPool", &[kernel(2), strides.clone()]), Op::MaxPool2d(Pool2d::new(2)));
    let ceil = Op::MaxPool2d(Pool2d::new(3).stride(2).ceil());
    assert_eq!(with("MaxPool", &[kernel(3), strides.clone(), int("ceil_mode", 1)]), ceil);
    assert_eq!(with("MaxPool", &[kernel(3), strides.clone(), ints("pads", [0, 0, 1, 1])]), ceil);
    let padded = Pool2d::new(3).stride(1).padding(1);
    let pads = ints("pads", [1; 4]);
    let excluded = Op::AvgPool2d(Pool2d { exclude_padding: true, ..padded.clone() });
    assert_eq!(with("AveragePool", &[kernel(3), pads.clone()]), excluded);
    assert_eq!(with("AveragePool", &[kernel(3), pads, int("count_include_pad", 1)]), Op::AvgPool2d(padded));
    assert_eq!(with("AveragePool", &[kernel(8)]), Op::GlobalAvgPool);
    assert_eq!(with("AveragePool", &[kernel(1)]), Op::GlobalAvgPool, "a window of one pixel goes");
    let axes = [ints("axes", [2, 3]), int("keepdims", 1)];
    assert_eq!(with("ReduceMean", &axes), Op::GlobalAvgPool);
}

#[test]
fn a_fixed_batch_becomes_free_and_a_softmax_goes() {
    let file = |batch: Option<usize>| {
        File::new(&[batch, Some(4), Some(8), Some(8)])
            .conv("x", "c", 4)
            .ints("axes", &[2], &[-1, -2])
            .node("ReduceMean", &["c", "axes"], "m", &[int("keepdims", 0)])
            .random("w", &[4, 5])
            .random("b", &[5])
            .node("MatMul", &["m", "w"], "l", &[])
            .node("Add", &["b", "l"], "z", &[])
            .node("Softmax", &["z"], "y", &[])
    };
    let [free, fixed, one] = [None, Some(8), Some(1)].map(|batch| imported(&file(batch)));
    assert_eq!(free, fixed);
    assert_eq!(free, one);
    assert!(matches!(ops(&free).last(), Some(Op::Linear(linear)) if linear.bias && linear.out_features == 5));
}

#[test]
fn halves_of_the_channels_are_cut_shuffled_and_joined() {
    let file = File::small()
        .node("Split", &["x"], "l r", &[int("axis", 1)])
        .ints("one", &[1], &[1])
        .ints("two", &[1], &[2])
        .ints("four", &[1], &[i64::MAX])
        .node("Slice", &["x", "two", "four", "one"], "again", &[])
        .node("Add", &["r", "again"], "sum", &[])
        .node("Concat", &["l", "sum"], "c", &[int("axis", -3)])
        .node("Shape", &["c"], "shape", &[])
        .ints("zero", &[], &[0])
        .node("Gather", &["shape", "zero"], "n", &[])
        .node("Unsqueeze", &["n"], "batch", &[ints("axes", [0])])
        .ints("apart", &[4], &[2, 2, 8, 8])
        .node("Concat", &["batch", "apart"], "five", &[int("axis", 0)])
        .node("Reshape", &["c", "five"], "five_axes", &[])
        .node("Transpose", &["five_axes"], "turned", &[ints("perm", [0, 2, 1, 3, 4])])
        .ints("joined", &[4], &[0, -1, 8, 8])
        .node("Reshape", &["turned", "joined"], "s", &[])
        .classifier("s", 4);
    let model = imported(&file);
    let found = ops(&model);
    let slices = found.iter().filter(|op| matches!(op, Op::Slice { .. })).count();
    assert_eq!(slices, 2, "the same half twice is one node: {found:?}");
    assert!(found.contains(&&Op::ChannelShuffle { groups: 2 }), "{found:?}");
}
