//! Layers with stored parameters: convolutions, linear layers, norms.

use super::array::Array;
use super::call::{Call, Traced, Value};
use super::draft::{Drafts, Step};
use super::error::Problem;
use super::names;
use super::window::Window;
use crate::op::{BatchNorm2d, Conv2d, LayerNorm, Linear, Op};
use crate::tensor::Tensor;

const IMAGES: &str = "images or their features [N, C, H, W] are needed";

/// `Conv`, with the zeros of a `Pad` before it.
pub(super) fn conv(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let weight = call.constant(1, "weight")?;
    let [out, per_group, height, width] = weight.dims[..] else {
        return Err(Problem::attribute("weight's shape", &weight.dims, "two-dimensional convolutions, [O, C, h, w]"));
    };
    let mut input = call.traced(0)?.clone();
    let padded = std::mem::take(&mut input.padding);
    let name = names::of_layer(call.node, &weight.name);
    let node = drafts.ranked(&input, &name, 3, IMAGES)?;
    let window = Window::read(call, [height, width], &drafts.nodes[node].shape)?;
    let padding = window.symmetric("convolutions that pad both sides alike")?;
    let groups = positive(call.int("group").unwrap_or(1))?;
    let bias = vector(call, 2, "bias", out)?;
    let conv = Conv2d {
        stride: window.stride,
        dilation: window.dilation,
        padding: [padding[0] + padded[0], padding[1] + padded[1]],
        kernel: [height, width],
        groups,
        bias: bias.is_some(),
        ..Conv2d::new(per_group.saturating_mul(groups), out, 1)
    };
    let tensors = std::iter::once(tensor(weight)).chain(bias).collect();
    let node = drafts.add(&name, Step::Op(Op::Conv2d(conv)), &[node], tensors)?;
    Ok(Value::Traced(drafts.value(node)))
}

fn positive(groups: i64) -> Result<usize, Problem> {
    let count = usize::try_from(groups).ok().filter(|groups| (1..=1 << 20).contains(groups));
    count.ok_or_else(|| Problem::attribute("group", groups, "a positive number"))
}

/// `BatchNormalization`.
pub(super) fn batch_norm(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let scale = call.constant(1, "scale")?;
    let features = scale.data.len();
    let name = names::of_layer(call.node, &scale.name);
    let node = drafts.ranked(call.traced(0)?, &name, 3, IMAGES)?;
    let mut tensors = Vec::new();
    for (index, what) in [(1, "scale"), (2, "bias"), (3, "mean"), (4, "variance")] {
        tensors.push(vector(call, index, what, features)?.ok_or(Problem::MissingInput(index))?);
    }
    // ONNX's momentum weighs the old statistics, PyTorch's the new ones.
    let momentum = call.float("momentum").map_or(0.1, |old| ((1.0 - old) * 1e6).round() / 1e6);
    let eps = call.float("epsilon").unwrap_or(1e-5);
    let norm = BatchNorm2d { eps, momentum, ..BatchNorm2d::new(features) };
    let node = drafts.add(&name, Step::Op(Op::BatchNorm2d(norm)), &[node], tensors)?;
    Ok(Value::Traced(drafts.value(node)))
}

/// `LayerNormalization` over the last axis.
pub(super) fn layer_norm(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let input = call.traced(0)?;
    let rank = input.view.axes.len();
    if call.axis(-1, rank)? + 1 != rank {
        return Err(Problem::attribute("axis", call.int("axis"), "-1, the last"));
    }
    let scale = call.constant(1, "scale")?;
    let features = scale.data.len();
    let name = names::of_layer(call.node, &scale.name);
    let eps = call.float("epsilon").unwrap_or(1e-5);
    let bias = vector(call, 2, "bias", features)?.unwrap_or_else(|| Tensor::zeros(vec![features]));
    let tensors = vec![Tensor::new(vec![features], scale.to_floats()), bias];
    over_last(drafts, input, &name, Op::LayerNorm(LayerNorm { features, eps }), tensors)
}

/// `Gemm` with stored weights.
pub(super) fn gemm(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    if call.int("transA").unwrap_or(0) != 0 {
        return Err(Problem::attribute("transA", 1, "0"));
    }
    let weight = call.constant(1, "weight")?;
    let mut matrix = rows(weight, call.int("transB").unwrap_or(0) != 0)?;
    let [alpha, beta] = ["alpha", "beta"].map(|name| call.float(name).unwrap_or(1.0) as f32);
    matrix.data.iter_mut().for_each(|value| *value *= alpha);
    let out = matrix.shape[0];
    let mut bias = match call.optional_constant(2, "bias")?.and_then(|bias| bias.scalar()) {
        Some(everywhere) => Some(Tensor::full(vec![out], everywhere as f32)),
        None => vector(call, 2, "bias", out)?,
    };
    bias.iter_mut().flat_map(|bias| &mut bias.data).for_each(|value| *value *= beta);
    let name = names::of_layer(call.node, &weight.name);
    linear(drafts, call.traced(0)?, &name, matrix, bias)
}

/// `MatMul` with stored weights on the right.
pub(super) fn matmul(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let weight = call.constant(1, "weight")?;
    let name = names::of_layer(call.node, &weight.name);
    linear(drafts, call.traced(0)?, &name, rows(weight, false)?, None)
}

fn linear(
    drafts: &mut Drafts,
    input: &Traced,
    name: &str,
    weight: Tensor,
    bias: Option<Tensor>,
) -> Result<Value, Problem> {
    let linear = Linear { bias: bias.is_some(), ..Linear::new(weight.shape[1], weight.shape[0]) };
    let tensors = std::iter::once(weight).chain(bias).collect();
    over_last(drafts, input, name, Op::Linear(linear), tensors)
}

/// Applies an op that treats the last axis, whatever the order of the others.
fn over_last(drafts: &mut Drafts, input: &Traced, name: &str, op: Op, tensors: Vec<Tensor>) -> Result<Value, Problem> {
    let shape = &drafts.nodes[input.node].shape;
    let direct = shape.len() < 3 && input.factor == 1.0 && input.view.selected.is_empty() && input.padding == [0, 0];
    let last = input.view.whole_last(shape).filter(|_| direct);
    let node = if last.is_some() { input.node } else { drafts.plain(input, name)? };
    let node = drafts.add(name, Step::Op(op), &[node], tensors)?;
    let result = drafts.value(node);
    let Some(mut atom) = last else { return Ok(Value::Traced(result)) };
    atom.size = drafts.nodes[node].shape.last().copied().unwrap_or(1);
    Ok(Value::Traced(Traced { view: input.view.with_last(atom), ..result }))
}

/// A stored matrix as `[O, F]`.
fn rows(matrix: &Array, turned: bool) -> Result<Tensor, Problem> {
    let [first, second] = matrix.dims[..] else {
        return Err(Problem::attribute("weight's shape", &matrix.dims, "a matrix"));
    };
    let values = matrix.to_floats();
    if turned {
        return Ok(Tensor::new(vec![first, second], values));
    }
    let turned = (0..second).flat_map(|column| (0..first).map(move |row| row * second + column));
    Ok(Tensor::new(vec![second, first], turned.map(|index| values[index]).collect::<Vec<f32>>()))
}

/// A stored vector of `length`, whatever its axes of size 1.
fn vector(call: &Call, index: usize, what: &'static str, length: usize) -> Result<Option<Tensor>, Problem> {
    let Some(array) = call.optional_constant(index, what)? else { return Ok(None) };
    if array.data.len() != length || array.dims.iter().filter(|size| **size != 1).count() > 1 {
        return Err(Problem::attribute(what, &array.dims, "one number for each channel"));
    }
    Ok(Some(Tensor::new(vec![length], array.to_floats())))
}

fn tensor(array: &Array) -> Tensor {
    Tensor::new(array.dims.clone(), array.to_floats())
}
