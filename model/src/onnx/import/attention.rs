//! Self-attention, which exporters write as two products around a softmax.

use std::rc::Rc;

use super::array::Array;
use super::call::{Call, Scores, Traced, Value};
use super::draft::{Draft, Drafts, Step};
use super::error::Problem;
use super::view::{Atom, Selected, View};
use crate::op::{Attention, Op};
use crate::tensor::Tensor;

/// What is said about every attention that is not the usual one.
pub(super) const UNKNOWN: &str = "attention is supported as softmax(scale · Q · Kᵀ) · V of heads of one size, without masks, where \
                                  queries, keys and values are linear layers of the same tokens";

/// `MatMul` of two values of the network.
pub(super) fn matmul(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    match (call.input(0)?, call.input(1)?) {
        (Value::Traced(queries), Value::Traced(keys)) => {
            let factor = queries.factor * keys.factor;
            let scores = Scores { queries: queries.clone(), keys: keys.clone(), factor, softmax: false };
            Ok(Value::Scores(Rc::new(scores)))
        }
        (Value::Scores(scores), Value::Traced(values)) if scores.softmax && values.factor == 1.0 => {
            attention(drafts, scores, values)
        }
        _ => Err(Problem::Pattern(UNKNOWN)),
    }
}

/// Scores times a number, or divided by it.
pub(super) fn scaled(scores: &Scores, by: &Array, over: bool) -> Result<Value, Problem> {
    let by = by.scalar().filter(|_| !scores.softmax).ok_or(Problem::Pattern(UNKNOWN))?;
    let factor = if over { scores.factor / by } else { scores.factor * by };
    Ok(Value::Scores(Rc::new(Scores { factor, ..scores.clone() })))
}

/// `Softmax` of scores, or behind the logits.
pub(super) fn softmax(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    match call.input(0)? {
        Value::Scores(scores) if !scores.softmax && matches!(call.int("axis").unwrap_or(-1), -1 | 3) => {
            Ok(Value::Scores(Rc::new(Scores { softmax: true, ..(**scores).clone() })))
        }
        Value::Scores(_) => Err(Problem::Pattern(UNKNOWN)),
        _ => super::pointwise::elementwise(drafts, call, Step::Softmax),
    }
}

/// Of queries, keys or values: the tokens that they are projected from, and the rows of the projection.
struct Projection {
    tokens: usize,
    features: usize,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

fn attention(drafts: &mut Drafts, scores: &Scores, values: &Traced) -> Result<Value, Problem> {
    let [batch, heads, tokens, head_dim] = values.view.sizes()[..] else { return Err(Problem::Pattern(UNKNOWN)) };
    let parts = [(&scores.queries, false), (&scores.keys, true), (values, false)];
    let mut projections = Vec::new();
    for (part, (value, turned)) in parts.into_iter().enumerate() {
        let found = projection(drafts, value, part, [heads, tokens, head_dim], turned);
        projections.push(found.ok_or(Problem::Pattern(UNKNOWN))?);
    }
    let Projection { tokens: input, features, .. } = projections[0];
    if batch != drafts.batch || projections.iter().any(|part| part.tokens != input || part.features != features) {
        return Err(Problem::Pattern(UNKNOWN));
    }
    let rows = 3 * heads * head_dim;
    let weight = projections.iter().flat_map(|part| part.weight.iter().copied()).collect::<Vec<_>>();
    let bias = projections.iter().flat_map(|part| part.bias.iter().copied()).collect::<Vec<_>>();
    let tensors = vec![Tensor::new(vec![rows, features], weight), Tensor::new(vec![rows], bias)];
    let op = Attention { in_features: features, heads, head_dim, scale: scores.factor };
    let name = drafts.nodes[values.node].name.clone();
    let node = drafts.add(&name, Step::Op(Op::Attention(op)), &[input], tensors)?;
    let view = heads_of(drafts.batch, [heads, tokens, head_dim], false);
    Ok(Value::Traced(Traced { view, ..drafts.value(node) }))
}

/// Tokens with features `heads · head_dim`, seen as `[N, heads, L, head_dim]` (or with the last two turned).
fn heads_of(batch: usize, [heads, tokens, head_dim]: [usize; 3], turned: bool) -> View {
    let axis = |axis: usize, stride: usize, size: usize| {
        if size == 1 { Vec::new() } else { vec![Atom { axis, stride, size }] }
    };
    let mut axes = vec![axis(0, 1, batch), axis(2, head_dim, heads), axis(1, 1, tokens), axis(2, 1, head_dim)];
    if turned {
        axes.swap(2, 3);
    }
    View { axes, selected: Vec::new() }
}

/// The projection behind a value, if it is the `part`-th third of one linear layer, or the whole of one.
fn projection(drafts: &Drafts, value: &Traced, part: usize, sizes: [usize; 3], turned: bool) -> Option<Projection> {
    let Draft { step: Step::Op(Op::Linear(linear)), inputs, shape, tensors, .. } = &drafts.nodes[value.node] else {
        return None;
    };
    let [heads, tokens, head_dim] = sizes;
    let width = heads.checked_mul(head_dim)?;
    let expected = heads_of(drafts.batch, sizes, turned);
    let atom = Atom { axis: 2, stride: width, size: 3 };
    let third = View { selected: vec![Selected { atom, index: part }], ..expected.clone() };
    let from = match () {
        () if *shape == [tokens, 3 * width] && value.view == third => part * width,
        () if *shape == [tokens, width] && value.view == expected => 0,
        () => return None,
    };
    let features = linear.in_features;
    let weight = tensors[0].data[from * features..(from + width) * features].to_vec();
    let bias = tensors.get(1).map_or_else(|| vec![0.0; width], |bias| bias.data[from..from + width].to_vec());
    Some(Projection { tokens: inputs[0], features, weight, bias })
}
