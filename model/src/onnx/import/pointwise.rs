//! Activations, sums and products, and the activations that are spelt with several of them.

use super::array::Array;
use super::call::{Call, Traced, Value, decimal};
use super::draft::{Drafts, Step};
use super::error::Problem;
use super::names;
use super::patterns::near;
use crate::op::Op;
use crate::tensor::Tensor;

/// Operators that treat each number alone and are an op of sweep.
pub(super) fn activation(op: &str) -> Option<Op> {
    Some(match op {
        "Relu" => Op::Relu,
        "Sigmoid" => Op::Sigmoid,
        "HardSwish" => Op::Hardswish,
        _ => return None,
    })
}

/// A step that treats each number alone, and so does not care for the layout.
pub(super) fn elementwise(drafts: &mut Drafts, call: &Call, step: Step) -> Result<Value, Problem> {
    let input = call.traced(0)?;
    let name = names::of_node(call.node);
    if input.factor == 1.0 && input.padding == [0, 0] {
        let node = drafts.add(&name, step, &[input.node], Vec::new())?;
        return Ok(Value::Traced(Traced { node, ..input.clone() }));
    }
    let node = drafts.plain(input, &name)?;
    let node = drafts.add(&name, step, &[node], Vec::new())?;
    Ok(Value::Traced(drafts.value(node)))
}

/// `HardSigmoid`, with PyTorch's slope.
pub(super) fn hard_sigmoid(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let (alpha, beta) = (call.float("alpha").unwrap_or(0.2), call.float("beta").unwrap_or(0.5));
    if !near(alpha, 1.0 / 6.0) || !near(beta, 0.5) {
        return Err(Problem::attribute("alpha", alpha, "1/6 (and beta 0.5), as in PyTorch"));
    }
    elementwise(drafts, call, Step::Op(Op::Hardsigmoid))
}

/// `Gelu`, the exact one.
pub(super) fn gelu(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    match call.text("approximate").as_deref() {
        None | Some("none" | "") => elementwise(drafts, call, Step::Op(Op::Gelu)),
        Some(other) => Err(Problem::attribute("approximate", other, "none, the exact GELU")),
    }
}

/// `Clip`: ReLU, ReLU6, or the end of a hard sigmoid.
pub(super) fn clip(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let low = call.number(1, "min")?.unwrap_or(f64::NEG_INFINITY);
    let high = call.number(2, "max")?.unwrap_or(f64::INFINITY);
    let input = call.traced(0)?;
    // Exporters that know no infinity write the largest float.
    if low == 0.0 && high > 3e38 {
        return elementwise(drafts, call, Step::Op(Op::Relu));
    }
    let positive = drafts.nodes[input.node].step == Step::Op(Op::Relu);
    if high == 6.0 && (low == 0.0 || (low < 0.0 && positive)) {
        return elementwise(drafts, call, Step::Op(Op::Relu6));
    }
    if (low, high) == (0.0, 1.0)
        && let Some(x) = drafts.scaled(input.node, 1.0 / 6.0, 0.5)
        && input.factor == 1.0
    {
        let node = drafts.add(&names::of_node(call.node), Step::Op(Op::Hardsigmoid), &[x], Vec::new())?;
        return Ok(Value::Traced(Traced { node, ..input.clone() }));
    }
    Err(Problem::attribute("min, max", [low, high], "ReLU (0, ∞), ReLU6 (0, 6), and hard sigmoid"))
}

/// `Add` and `Sub`.
pub(super) fn add(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let minus = call.node.op_type == "Sub";
    match (call.input(0)?, call.input(1)?) {
        (Value::Traced(x), Value::Constant(c)) => {
            affine(drafts, call, x, None, Some((c, if minus { -1.0 } else { 1.0 })))
        }
        (Value::Constant(c), Value::Traced(x)) if minus => {
            affine(drafts, call, x, Some((&whole(-1.0), false)), Some((c, 1.0)))
        }
        (Value::Constant(c), Value::Traced(x)) => affine(drafts, call, x, None, Some((c, 1.0))),
        (Value::Traced(_), Value::Traced(_)) if minus => {
            Err(Problem::Pattern("differences of two values are not supported"))
        }
        (Value::Traced(x), Value::Traced(y)) => {
            let name = names::of_node(call.node);
            let (x, y, layout) = aligned(drafts, x, y, &name)?;
            let node = drafts.add(&name, Step::Op(Op::Add), &[x, y], Vec::new())?;
            Ok(Value::Traced(layout.map_or_else(|| drafts.value(node), |layout| Traced { node, ..layout })))
        }
        _ => Err(Problem::Pattern(super::attention::UNKNOWN)),
    }
}

/// `Mul` and `Div`.
pub(super) fn multiply(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let over = call.node.op_type == "Div";
    match (call.input(0)?, call.input(1)?) {
        (Value::Traced(x), Value::Constant(c)) => affine(drafts, call, x, Some((c, over)), None),
        (Value::Constant(c), Value::Traced(x)) if !over => affine(drafts, call, x, Some((c, false)), None),
        (Value::Scores(scores), Value::Constant(c)) => super::attention::scaled(scores, c, over),
        (Value::Traced(x), Value::Traced(y)) if !over => {
            let name = names::of_node(call.node);
            let (x, y, layout) = aligned(drafts, x, y, &name)?;
            let node = drafts.product(&name, x, y)?;
            Ok(Value::Traced(layout.map_or_else(|| drafts.value(node), |layout| Traced { node, ..layout })))
        }
        _ => Err(Problem::Pattern("quotients are supported where the divisor is a constant")),
    }
}

/// The nodes behind two values: as they are if they share a layout (which is returned), or else in an ordinary one.
fn aligned(drafts: &mut Drafts, x: &Traced, y: &Traced, name: &str) -> Result<(usize, usize, Option<Traced>), Problem> {
    let shape = |value: &Traced| &drafts.nodes[value.node].shape;
    let bare = |value: &Traced| value.factor == 1.0 && value.padding == [0, 0];
    if x.view == y.view && shape(x) == shape(y) && bare(x) && bare(y) {
        return Ok((x.node, y.node, Some(x.clone())));
    }
    Ok((drafts.plain(x, name)?, drafts.plain(y, name)?, None))
}

fn whole(value: f32) -> Array {
    Array::new(Vec::new(), super::array::Data::Floats(vec![value]))
}

/// `x · scale + shift` with constants; `scale` may be a divisor, `shift` has a sign.
fn affine(
    drafts: &mut Drafts,
    call: &Call,
    x: &Traced,
    scale: Option<(&Array, bool)>,
    shift: Option<(&Array, f64)>,
) -> Result<Value, Problem> {
    let name = names::of_node(call.node);
    let numbers = |array: &Array| array.to_floats().into_iter().map(decimal).collect::<Vec<f64>>();
    let scales = scale.map_or(vec![1.0], |(array, over)| {
        numbers(array).into_iter().map(|value| if over { 1.0 / value } else { value }).collect()
    });
    let shifts =
        shift.map_or(vec![0.0], |(array, sign)| numbers(array).into_iter().map(|value| value * sign).collect());
    if scales.is_empty() || shifts.is_empty() {
        return Err(Problem::attribute("constant's shape", [0], "at least one number"));
    }
    if scales.len() == 1 && shifts.len() == 1 {
        if shifts[0] == 0.0 && drafts.value(x.node).view != x.view {
            return Ok(Value::Traced(Traced { factor: x.factor * scales[0], ..x.clone() }));
        }
        let bare = x.factor == 1.0 && x.padding == [0, 0];
        let node = if bare { x.node } else { drafts.plain(x, &name)? };
        let result = drafts.affine(&name, node, scales, shifts)?;
        let result = Traced { node: result, ..if bare { x.clone() } else { drafts.value(result) } };
        return Ok(Value::Traced(result));
    }
    let array = shift.map(|(array, _)| array).or(scale.map(|(array, _)| array)).filter(|array| array.data.len() > 1);
    let array = array.or(scale.map(|(array, _)| array)).ok_or(Problem::MissingInput(1))?;
    if let Some(position) = position(drafts, x, array, scale.is_none())? {
        return Ok(position);
    }
    per_channel(drafts, x, array, &names::of_layer(call.node, &array.name), scales, shifts)
}

/// A learned vector for each token, `[1, L, E]`, that is added.
fn position(drafts: &mut Drafts, x: &Traced, array: &Array, sum: bool) -> Result<Option<Value>, Problem> {
    let [1, tokens, features] = array.dims[..] else { return Ok(None) };
    if !sum || tokens == 1 || x.view.sizes().len() != 3 {
        return Ok(None);
    }
    let name = names::of_tensor(&array.name).unwrap_or_else(|| "pos_embedding".into());
    let node = drafts.ranked(x, &name, 2, "a position embedding is added to tokens [N, L, E]")?;
    let table = Tensor::new(array.dims.clone(), array.to_floats());
    let node = drafts.add(&name, Step::Op(Op::PositionEmbedding { tokens, features }), &[node], vec![table])?;
    Ok(Some(Value::Traced(drafts.value(node))))
}

/// One number for each channel of an image, or each feature of a vector or token.
fn per_channel(
    drafts: &mut Drafts,
    x: &Traced,
    array: &Array,
    name: &str,
    scales: Vec<f64>,
    shifts: Vec<f64>,
) -> Result<Value, Problem> {
    let sizes = x.view.sizes();
    let own_shape = drafts.nodes[x.node].shape.len();
    let axis = if sizes.len() == 4 { 1 } else { sizes.len().saturating_sub(1) };
    let from_end = sizes.len() - axis;
    let one_axis = array.dims.len() <= sizes.len()
        && (array.dims.iter().rev().enumerate()).all(|(index, size)| *size == 1 || index + 1 == from_end);
    if !one_axis || Some(&array.data.len()) != sizes.get(axis) {
        return Err(Problem::attribute("constant's shape", &array.dims, "one number, or one for each channel"));
    }
    let bare = x.factor == 1.0 && x.padding == [0, 0] && x.view.selected.is_empty();
    if bare && own_shape < 3 && x.view.whole_last(&drafts.nodes[x.node].shape).is_some() {
        let node = drafts.affine(name, x.node, scales, shifts)?;
        return Ok(Value::Traced(Traced { node, ..x.clone() }));
    }
    let node = drafts.plain(x, name)?;
    let node = drafts.affine(name, node, scales, shifts)?;
    Ok(Value::Traced(drafts.value(node)))
}
