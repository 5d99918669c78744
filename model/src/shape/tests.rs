use super::*;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::{Attention, BatchNorm2d, Linear};

fn of(op: Op, inputs: &[&[usize]]) -> Result<Shape, ShapeProblem> {
    let inputs: Vec<Shape> = inputs.iter().map(|shape| shape.to_vec()).collect();
    apply(&op, [3, 8, 8], &inputs.iter().collect::<Vec<_>>())
}

#[test]
fn convolutions_follow_pytorchs_formula() {
    let conv = |conv: Conv2d| of(Op::Conv2d(conv), &[&[4, 9, 7]]);
    assert_eq!(conv(Conv2d::new(4, 6, 3).padding(1)), Ok(vec![6, 9, 7]));
    assert_eq!(conv(Conv2d::new(4, 6, 3).padding(1).stride(2)), Ok(vec![6, 5, 4]));
    assert_eq!(conv(Conv2d { dilation: [2, 3], ..Conv2d::new(4, 6, 3) }), Ok(vec![6, 5, 1]));
    assert_eq!(conv(Conv2d { kernel: [1, 7], ..Conv2d::new(4, 6, 1) }), Ok(vec![6, 9, 1]));
}

#[test]
fn impossible_convolutions_are_errors() {
    let conv = |conv: Conv2d| of(Op::Conv2d(conv), &[&[4, 5, 5]]);
    assert_eq!(conv(Conv2d::new(4, 6, 7)), Err(ShapeProblem::Window { window: 7, size: 5 }));
    assert_eq!(conv(Conv2d::new(3, 6, 3)), Err(ShapeProblem::Channels { expected: 3, found: 4 }));
    for wrong in [
        Conv2d::new(4, 6, 3).groups(3),
        Conv2d::new(4, 6, 3).groups(4),
        Conv2d::new(4, 6, 3).groups(0),
        Conv2d::new(4, 6, 3).stride(0),
        Conv2d::new(4, 6, 0),
        Conv2d::new(4, 0, 3),
        Conv2d { dilation: [0, 1], ..Conv2d::new(4, 6, 3) },
    ] {
        assert!(matches!(conv(wrong.clone()), Err(ShapeProblem::Attribute(_))), "{wrong:?}");
    }
}

#[test]
fn pools_round_down_and_refuse_windows_of_padding() {
    assert_eq!(of(Op::MaxPool2d(Pool2d::new(2)), &[&[4, 9, 8]]), Ok(vec![4, 4, 4]));
    let padded = |kernel, padding| Pool2d::new(kernel).stride(2).padding(padding);
    assert_eq!(of(Op::AvgPool2d(padded(3, 1)), &[&[4, 8, 8]]), Ok(vec![4, 4, 4]));
    assert!(matches!(of(Op::MaxPool2d(padded(2, 2)), &[&[4, 8, 8]]), Err(ShapeProblem::Attribute(_))));
    assert_eq!(of(Op::GlobalAvgPool, &[&[4, 9, 8]]), Ok(vec![4, 1, 1]));
}

#[test]
fn joins_need_fitting_shapes() {
    assert_eq!(of(Op::Concat, &[&[4, 8, 8], &[2, 8, 8], &[1, 8, 8]]), Ok(vec![7, 8, 8]));
    assert_eq!(of(Op::Concat, &[&[4], &[2]]), Ok(vec![6]));
    assert!(matches!(of(Op::Concat, &[&[4, 8, 8], &[4, 8, 7]]), Err(ShapeProblem::Mismatch { .. })));
    assert!(matches!(of(Op::Concat, &[&[4, 8, 8], &[4]]), Err(ShapeProblem::Mismatch { .. })));
    assert!(matches!(of(Op::Add, &[&[4, 8, 8], &[2, 8, 8]]), Err(ShapeProblem::Mismatch { .. })));
    let one = of(Op::Concat, &[&[4, 8, 8]]).unwrap_err();
    assert_eq!(one.to_string(), "concat takes at least 2 input(s), but has 1");
}

#[test]
fn flat_and_spatial_values_are_not_mixed_up() {
    assert_eq!(of(Op::Flatten, &[&[4, 3, 2]]), Ok(vec![24]));
    assert_eq!(of(Op::Linear(Linear::new(24, 5)), &[&[24]]), Ok(vec![5]));
    assert!(matches!(of(Op::Linear(Linear::new(24, 5)), &[&[24, 1, 1]]), Err(ShapeProblem::Rank { .. })));
    assert!(matches!(of(Op::BatchNorm2d(BatchNorm2d::new(24)), &[&[24]]), Err(ShapeProblem::Rank { .. })));
    assert!(matches!(of(Op::Dropout { p: 1.0 }, &[&[24]]), Err(ShapeProblem::Attribute(_))));
}

#[test]
fn the_builder_returns_its_first_error() {
    let mut b = GraphBuilder::new("wrong", [3, 4, 4], 2);
    let x = b.conv("fits", INPUT, 4, 3, 1);
    let x = b.push("too-large", Op::MaxPool2d(Pool2d::new(5)), &[&x]);
    let logits = b.classifier(&x);
    let error = b.finish(&logits).unwrap_err();
    assert!(error.to_string().starts_with(r#"node "too-large": a window of 5"#), "{error}");
}

/// As PyTorch 2.11 answers.
#[test]
fn rounded_up_windows_may_reach_out_but_not_begin_outside() {
    let side = |size: usize, pool: Pool2d| of(Op::MaxPool2d(pool.ceil()), &[&[1, size, size]]).map(|shape| shape[1]);
    let pool = |kernel, stride, padding| Pool2d::new(kernel).stride(stride).padding(padding);
    assert_eq!([13, 14, 3, 2].map(|size| side(size, pool(3, 2, 0))), [6, 7, 1, 1].map(Ok));
    // A second window would begin behind the image.
    assert_eq!([side(1, pool(1, 2, 0)), side(2, pool(2, 3, 1)), side(3, pool(2, 3, 1))], [Ok(1), Ok(1), Ok(2)]);
    assert_eq!(side(1, pool(3, 2, 0)), Err(ShapeProblem::Window { window: 3, size: 1 }));
}

#[test]
fn what_no_machine_holds_is_refused_before_it_is_counted() {
    let error = |push: &dyn Fn(&mut GraphBuilder)| {
        let mut b = GraphBuilder::new("huge", [1 << 10, 1 << 14, 1 << 14], 2);
        push(&mut b);
        b.finish(INPUT).unwrap_err().to_string()
    };
    let value = error(&|b| drop(b.conv("wide", INPUT, 1 << 20, 1, 1)));
    assert!(value.contains(r#"node "wide": has a value or tensor of shape [1048576, 16384, 16384]"#), "{value}");
    // Rows of 3 · heads · head_dim, whose product with the features does not fit into 64 bits.
    let attention = Attention { in_features: 1 << 10, heads: 1 << 30, head_dim: 1 << 30, scale: 1.0 };
    let tensor = error(&|b| {
        let tokens = b.push("tokens", Op::Tokens, &[INPUT]);
        b.push("heads", Op::Attention(attention.clone()), &[&tokens]);
    });
    assert!(tensor.contains(r#"node "heads": has a value or tensor"#), "{tensor}");
}
