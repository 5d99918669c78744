//! Each op that ONNX has no operator for, or one that runtimes understand differently: the exported file in ONNX Runtime, the
//! lowered graph in libtorch and the reference interpreter agree.

use sweep_engine::lower::{Mode, Net, to_model_tensor};
use sweep_engine::runtime::Session;
use sweep_model::passes::pipeline;
use sweep_model::{Attention, GraphBuilder, LayerNorm, Linear, Model, Op, Pool2d, onnx, randomise, reference};
use tch::Device;

/// Five logits of what `build` makes of an image of that size, so that every number of it matters.
fn agree(what: &str, image: [usize; 3], build: impl Fn(&mut GraphBuilder) -> String) {
    let mut builder = GraphBuilder::new(what, image, 5);
    let mut last = build(&mut builder);
    let flat = builder.push("flatten", Op::Flatten, &[&last]);
    last = builder.linear("fc", &flat, 5);
    check(what, randomise::model(builder.finish(&last).unwrap_or_else(|error| panic!("{what}: {error}"))));
}

fn check(what: &str, model: Model) {
    let images = randomise::images(3, model.graph.input);
    let file = onnx::export(&pipeline::deploy(&model).unwrap()).unwrap();
    let runtime = Session::of_bytes(&file, 1).unwrap().run(&images.data).unwrap();
    let shape: Vec<i64> = images.shape.iter().map(|size| *size as i64).collect();
    let batch = tch::Tensor::from_slice(&images.data).reshape(&shape);
    let net = Net::new(&model, Device::Cpu).unwrap();
    let logits = tch::no_grad(|| net.forward(&batch, Mode::Eval)).unwrap();
    let engine = to_model_tensor(&logits).unwrap().data;
    let reference = reference::logits(&model, &images).unwrap().data;
    let largest = reference.iter().fold(0f32, |most, value| most.max(value.abs()));
    for (who, found) in [("ONNX Runtime", runtime), ("libtorch", engine)] {
        assert_eq!(found.len(), reference.len());
        let apart = found.iter().zip(&reference).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(largest > 0.0 && apart / largest < 1e-5, "{what}: {who} differs by {apart} of {largest}");
    }
}

#[test]
fn adaptive_pooling_of_any_size() {
    for (from, to) in
        [([9, 7], [9, 7]), ([8, 6], [4, 3]), ([9, 7], [4, 3]), ([8, 7], [4, 3]), ([3, 2], [7, 7]), ([13, 6], [1, 5])]
    {
        agree(&format!("{from:?} to {to:?}"), [2, from[0], from[1]], |b| {
            b.push("pool", Op::AdaptiveAvgPool2d { output: to }, &["input"])
        });
    }
}

#[test]
fn pooling_with_every_edge() {
    for side in 6..11 {
        for (kernel, stride, padding, ceil) in [
            (3, 2, 0, true),
            (3, 2, 1, true),
            (2, 2, 0, true),
            (3, 2, 1, false),
            (2, 3, 0, true),
            (2, 2, 1, true),
            (3, 1, 1, false),
        ] {
            let pool = Pool2d { ceil, ..Pool2d::new(kernel).stride(stride).padding(padding) };
            let excluding = Pool2d { exclude_padding: true, ..pool.clone() };
            let mut ops = vec![Op::MaxPool2d(pool.clone()), Op::AvgPool2d(excluding)];
            if !ceil || padding == 0 {
                ops.push(Op::AvgPool2d(pool.clone()));
            }
            for op in ops {
                agree(&format!("{op:?} of {side}"), [2, side, side + 1], |b| b.push("pool", op.clone(), &["input"]));
            }
        }
    }
}

#[test]
fn average_pooling_that_no_operator_computes_is_an_error() {
    let mut b = GraphBuilder::new("odd", [2, 8, 8], 5);
    let pool = b.push("pool", Op::AvgPool2d(Pool2d::new(3).stride(2).padding(1).ceil()), &["input"]);
    let flat = b.push("flatten", Op::Flatten, &[&pool]);
    let logits = b.linear("fc", &flat, 5);
    let error = onnx::export(&randomise::model(b.finish(&logits).unwrap())).unwrap_err();
    assert!(error.to_string().contains("\"pool\" cannot be exported to ONNX: average pooling in ceil mode"), "{error}");
}

#[test]
fn activations_gates_and_affines() {
    for op in
        [Op::Relu6, Op::Sigmoid, Op::Hardsigmoid, Op::Hardswish, Op::Silu, Op::Gelu, Op::StochasticDepth { p: 0.3 }]
    {
        agree(op.kind(), [4, 5, 6], |b| {
            let x = b.push(
                "wide",
                Op::InputAffine { scale: vec![4.0, -3.0, 5.0, 0.5], shift: vec![1.0, 0.0, -2.0, 3.0] },
                &["input"],
            );
            b.push("activation", op.clone(), &[&x])
        });
    }
    agree("a gate", [4, 5, 6], |b| {
        let x = b.push("affine", Op::ChannelAffine { features: 4 }, &["input"]);
        let gate = b.push("pool", Op::GlobalAvgPool, &[&x]);
        let gate = b.push("sigmoid", Op::Sigmoid, &[&gate]);
        let gated = b.push("gated", Op::Mul, &[&x, &gate]);
        b.push("square", Op::Mul, &[&gated, &gated])
    });
    agree("batch norm behind a concatenation", [4, 5, 6], |b| {
        let x = b.push("relu", Op::Relu, &["input"]);
        let x = b.push("both", Op::Concat, &["input", &x]);
        b.batch_norm("bn", &x)
    });
}

#[test]
fn channels_are_cut_and_shuffled() {
    agree("two of six, shuffled", [6, 3, 4], |b| {
        let shuffled = b.push("shuffle", Op::ChannelShuffle { groups: 3 }, &["input"]);
        let part = b.push("part", Op::Slice { start: 1, end: 5 }, &[&shuffled]);
        let again = b.push("again", Op::ChannelShuffle { groups: 2 }, &[&part]);
        b.push("both", Op::Concat, &[&again, &shuffled])
    });
}

/// Attention whose heads together are narrower than the tokens, as after pruning.
#[test]
fn a_transformer_with_pruned_heads() {
    let mut b = GraphBuilder::new("transformer", [12, 2, 3], 5);
    let x = b.push("tokens", Op::Tokens, &["input"]);
    let x = b.push("class_token", Op::ClassToken { features: 12 }, &[&x]);
    let x = b.push("position", Op::PositionEmbedding { tokens: 7, features: 12 }, &[&x]);
    let y = b.push("norm", Op::LayerNorm(LayerNorm { features: 12, eps: 1e-6 }), &[&x]);
    let y = b.push("attention", Op::Attention(Attention { heads: 2, ..Attention::new(12, 3) }), &[&y]);
    let y = b.push("attention.out_proj", Op::Linear(Linear::new(8, 12)), &[&y]);
    let x = b.add("add", &x, &y);
    let y = b.push("mlp", Op::Linear(Linear { bias: false, ..Linear::new(12, 12) }), &[&x]);
    let y = b.push("gelu", Op::Gelu, &[&y]);
    let x = b.add("add_1", &x, &y);
    let x = b.push("take", Op::TakeToken { index: 3 }, &[&x]);
    let logits = b.linear("fc", &x, 5);
    check("a transformer", randomise::model(b.finish(&logits).unwrap()));
}
