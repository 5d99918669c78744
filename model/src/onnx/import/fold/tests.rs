use super::super::call::{Call, Value};
use super::super::error::Problem;
use super::*;
use crate::onnx::export::write::{int, ints};
use crate::onnx::proto::NodeProto;

fn floats(dims: &[usize], values: &[f32]) -> Array {
    Array::new(dims.to_vec(), Data::Floats(values.to_vec()))
}

fn integers(dims: &[usize], values: &[i64]) -> Array {
    Array::new(dims.to_vec(), Data::Ints(values.to_vec()))
}

fn run(op: &str, inputs: &[Array], attributes: &[crate::onnx::proto::AttributeProto]) -> Result<Array, Problem> {
    let node = NodeProto { op_type: op.into(), attribute: attributes.to_vec(), ..NodeProto::default() };
    let inputs = inputs.iter().map(|array| Some(Value::Constant(std::rc::Rc::new(array.clone())))).collect();
    evaluate(&Call { node: &node, inputs }).map(|value| value.expect("the operator is known"))
}

#[test]
fn shapes_are_taken_apart_and_put_together() {
    let shape = integers(&[4], &[7, 3, 8, 6]);
    let height = run("Gather", &[shape.clone(), integers(&[], &[-2])], &[]).unwrap();
    assert_eq!(height, integers(&[], &[8]));
    let list = run("Unsqueeze", &[height, integers(&[1], &[0])], &[]).unwrap();
    let joined = run("Concat", &[list, integers(&[2], &[-1, 2])], &[int("axis", 0)]).unwrap();
    assert_eq!(joined, integers(&[3], &[8, -1, 2]));
    let tail = [shape.clone(), integers(&[1], &[-2]), integers(&[1], &[i64::MAX]), integers(&[1], &[0])];
    assert_eq!(run("Slice", &tail, &[]).unwrap(), integers(&[2], &[8, 6]));
    let whole = [i64::MIN, i64::MAX].map(|end| integers(&[1], &[end]));
    let backwards =
        [shape.clone(), integers(&[1], &[-1]), whole[0].clone(), integers(&[1], &[0]), integers(&[1], &[-2])];
    assert_eq!(run("Slice", &backwards, &[]).unwrap(), integers(&[2], &[6, 3]));
    assert_eq!(run("Shape", &[floats(&[2, 5], &[0.0; 10])], &[]).unwrap(), integers(&[2], &[2, 5]));
    assert_eq!(run("Squeeze", &[integers(&[1, 2, 1], &[4, 5])], &[]).unwrap(), integers(&[2], &[4, 5]));
    assert_eq!(
        run("Range", &[integers(&[], &[1]), integers(&[], &[6]), integers(&[], &[2])], &[]).unwrap(),
        integers(&[3], &[1, 3, 5]).clone()
    );
}

#[test]
fn matrices_are_turned_and_broadcast() {
    let matrix = floats(&[2, 3], &[1., 2., 3., 4., 5., 6.]);
    let turned = run("Transpose", std::slice::from_ref(&matrix), &[ints("perm", [1, 0])]).unwrap();
    assert_eq!(turned, floats(&[3, 2], &[1., 4., 2., 5., 3., 6.]));
    let column = floats(&[2, 1], &[10., 20.]);
    assert_eq!(run("Add", &[matrix.clone(), column], &[]).unwrap(), floats(&[2, 3], &[11., 12., 13., 24., 25., 26.]));
    assert_eq!(run("Sqrt", &[integers(&[1], &[64])], &[]).unwrap(), floats(&[1], &[8.0]));
    let rows = run("Gather", &[matrix.clone(), integers(&[1, 1], &[1])], &[int("axis", 0)]).unwrap();
    assert_eq!(rows, floats(&[1, 1, 3], &[4., 5., 6.]));
    let side_by_side = run("Concat", &[matrix.clone(), matrix], &[int("axis", 1)]).unwrap();
    assert_eq!(side_by_side, floats(&[2, 6], &[1., 2., 3., 1., 2., 3., 4., 5., 6., 4., 5., 6.]));
}

#[test]
fn integers_divide_and_compare_as_in_onnx() {
    let two = |op, a, b| run(op, &[integers(&[], &[a]), integers(&[], &[b])], &[]);
    assert_eq!(two("Div", -7, 2).unwrap(), integers(&[], &[-3]));
    assert_eq!(two("Mod", -7, 2).unwrap(), integers(&[], &[1]));
    assert_eq!(two("Equal", 4, 4).unwrap(), integers(&[], &[1]));
    for (op, a, b) in [("Div", 1, 0), ("Mod", 1, 0), ("Mul", i64::MAX, 2), ("Add", i64::MAX, 1)] {
        assert!(two(op, a, b).is_err(), "{op}");
    }
    let choice = [integers(&[2], &[1, 0]), integers(&[2], &[5, 6]), integers(&[1], &[9])];
    assert_eq!(run("Where", &choice, &[]).unwrap(), integers(&[2], &[5, 9]));
    assert_eq!(run("Cast", &[floats(&[1], &[2.9])], &[int("to", 7)]).unwrap(), integers(&[1], &[2]));
}

#[test]
fn results_are_bounded() {
    let long = integers(&[LIMIT], &vec![1; LIMIT]);
    let column = integers(&[2, 1], &[1, 2]);
    assert_eq!(run("Add", &[long.clone(), column], &[]), Err(Problem::TooLarge(LIMIT)));
    assert_eq!(run("Expand", &[long, integers(&[2], &[2, LIMIT as i64])], &[]), Err(Problem::TooLarge(LIMIT)));
    let endless = [integers(&[], &[0]), integers(&[], &[i64::MAX]), integers(&[], &[1])];
    assert_eq!(run("Range", &endless, &[]), Err(Problem::TooLarge(LIMIT)));
    assert!(
        run(
            "Slice",
            &[integers(&[3], &[1, 2, 3]), integers(&[2], &[0, 0]), integers(&[2], &[1, 2]), integers(&[2], &[0, 0])],
            &[]
        )
        .is_err()
    );
}
