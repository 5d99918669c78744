//! The ops of transformers as ONNX nodes.

use super::write::{Writer, inner, int, ints};
use crate::graph::Node;
use crate::op::{Attention, Op};
use crate::shape::Shape;

/// Tokens, class token and attention; `shape` is that of the input.
pub(super) fn emit(writer: &mut Writer, node: &Node, output: &str, inputs: Vec<String>, shape: &Shape) {
    match &node.op {
        Op::Tokens => tokens(writer, node, output, &inputs[0], shape),
        Op::ClassToken { features } => class_token(writer, node, output, inputs, *features),
        Op::Attention(attrs) => attention(writer, node, output, inputs, attrs, shape[0]),
        other => unreachable!("{} is written elsewhere", other.kind()),
    }
}

fn tokens(writer: &mut Writer, node: &Node, output: &str, input: &str, shape: &Shape) {
    let flat = inner(node, "flat");
    let dims = writer.integers(&inner(node, "dims"), &[3], &[0, shape[0] as i64, (shape[1] * shape[2]) as i64]);
    writer.node("Reshape", vec![input.into(), dims], &flat, vec![]);
    writer.node("Transpose", vec![flat], output, vec![ints("perm", [0, 2, 1])]);
}

/// `inputs`: x and the token `[1, 1, E]`, which is repeated for each image of the batch.
fn class_token(writer: &mut Writer, node: &Node, output: &str, inputs: Vec<String>, features: usize) {
    let [batch, dims, repeated] = ["batch", "dims", "repeated"].map(|name| inner(node, name));
    let one = writer.integers(&inner(node, "one"), &[2], &[1, features as i64]);
    writer.node("Shape", vec![inputs[0].clone()], &batch, vec![int("start", 0), int("end", 1)]);
    writer.node("Concat", vec![batch, one], &dims, vec![int("axis", 0)]);
    writer.node("Expand", vec![inputs[1].clone(), dims], &repeated, vec![]);
    writer.node("Concat", vec![repeated, inputs[0].clone()], output, vec![int("axis", 1)]);
}

/// `inputs`: x `[N, L, F]`, the weights `[O, F]`, and the bias where there is one. Gemm knows no third axis.
pub(super) fn linear(writer: &mut Writer, node: &Node, output: &str, inputs: Vec<String>) {
    let [turned, product] = ["turned", "product"].map(|name| inner(node, name));
    writer.node("Transpose", vec![inputs[1].clone()], &turned, vec![ints("perm", [1, 0])]);
    match inputs.get(2) {
        None => writer.node("MatMul", vec![inputs[0].clone(), turned], output, vec![]),
        Some(bias) => {
            writer.node("MatMul", vec![inputs[0].clone(), turned], &product, vec![]);
            writer.node("Add", vec![product, bias.clone()], output, vec![]);
        }
    }
}

/// `x/2 · (1 + erf(x / √2))`: the operator set has no Gelu before 20.
pub(super) fn gelu(writer: &mut Writer, node: &Node, output: &str, input: &str) {
    let [scaled, erf, sum, half] = ["scaled", "erf", "sum", "half"].map(|name| inner(node, name));
    let constants = [
        ("constant:gelu.root", std::f32::consts::FRAC_1_SQRT_2),
        ("constant:gelu.one", 1.0),
        ("constant:gelu.half", 0.5),
    ];
    let [root, one, one_half] = constants.map(|(name, value)| writer.floats(name, &[], &[value]));
    writer.node("Mul", vec![input.into(), root], &scaled, vec![]);
    writer.node("Erf", vec![scaled], &erf, vec![]);
    writer.node("Add", vec![erf, one], &sum, vec![]);
    writer.node("Mul", vec![input.into(), one_half], &half, vec![]);
    writer.node("Mul", vec![half, sum], output, vec![]);
}

/// `inputs`: x `[N, L, E]`, `in_proj_weight` and `in_proj_bias`.
fn attention(writer: &mut Writer, node: &Node, output: &str, inputs: Vec<String>, attrs: &Attention, tokens: usize) {
    let name = |what: &str| inner(node, what);
    let dims = |values: &[usize]| values.iter().map(|dim| *dim as i64).collect::<Vec<_>>();
    let projected = name("projected");
    linear(writer, &Node { name: name("in_proj"), ..node.clone() }, &projected, inputs);
    // [N, L, 3, heads, head_dim] → [3, N, heads, L, head_dim]
    let apart = writer.integers(&name("apart"), &[5], &dims(&[0, tokens, 3, attrs.heads, attrs.head_dim]));
    writer.node("Reshape", vec![projected, apart], &name("parts"), vec![]);
    writer.node("Transpose", vec![name("parts")], &name("by_head"), vec![ints("perm", [2, 0, 3, 1, 4])]);
    for (index, part) in ["query", "key", "value"].into_iter().enumerate() {
        let index = writer.integers(&format!("constant:attention.{part}"), &[], &[index as i64]);
        writer.node("Gather", vec![name("by_head"), index], &name(part), vec![int("axis", 0)]);
    }
    let scale = writer.floats(&name("scale"), &[], &[attrs.scale as f32]);
    writer.node("Mul", vec![name("query"), scale], &name("scaled"), vec![]);
    writer.node("Transpose", vec![name("key")], &name("key_turned"), vec![ints("perm", [0, 1, 3, 2])]);
    writer.node("MatMul", vec![name("scaled"), name("key_turned")], &name("scores"), vec![]);
    writer.node("Softmax", vec![name("scores")], &name("shares"), vec![int("axis", -1)]);
    writer.node("MatMul", vec![name("shares"), name("value")], &name("heads"), vec![]);
    writer.node("Transpose", vec![name("heads")], &name("side_by_side"), vec![ints("perm", [0, 2, 1, 3])]);
    let joined = writer.integers(&name("joined"), &[3], &dims(&[0, tokens, attrs.out_features()]));
    writer.node("Reshape", vec![name("side_by_side"), joined], output, vec![]);
}
