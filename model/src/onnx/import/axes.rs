//! Operators that only move numbers: reshaping, permuting, cutting, joining.

use std::rc::Rc;

use super::array::Array;
use super::call::{Call, Traced, Value, axis, resolve};
use super::draft::{Drafts, Step};
use super::error::Problem;
use super::fold::{cuts, span};
use super::names;
use super::view::View;
use crate::op::Op;
use crate::tensor::Tensor;

/// Axes that no value exceeds.
const MAX_RANK: usize = 12;

/// `Shape`: integers that are known but for the batch, for which a number stands.
pub(super) fn shape(call: &Call) -> Result<Value, Problem> {
    let sizes: Vec<i64> = call.traced(0)?.view.sizes().into_iter().map(|size| size as i64).collect();
    Ok(Value::Constant(Rc::new(Array::ints(span(call, &sizes)))))
}

fn viewed(value: &Traced, view: Option<View>) -> Result<Value, Problem> {
    let layout = || format!("{} in another grouping", value.view.describe());
    let view = view.filter(|view| view.axes.len() <= MAX_RANK).ok_or_else(|| Problem::Layout { layout: layout() })?;
    Ok(Value::Traced(Traced { view, ..value.clone() }))
}

/// A value whose axes are about to be moved: a `Pad` before that is not supported.
fn movable<'a>(call: &'a Call) -> Result<&'a Traced, Problem> {
    let value = call.traced(0)?;
    if value.padding == [0, 0] { Ok(value) } else { Err(Problem::Pattern("Pad is supported directly before a layer")) }
}

/// `Reshape`.
pub(super) fn reshape(call: &Call) -> Result<Value, Problem> {
    let value = movable(call)?;
    let target = call.list(1, "shape")?.ok_or(Problem::MissingInput(1))?;
    let sizes = resolve(&target, &value.view.sizes(), call.int("allowzero") == Some(1))?;
    viewed(value, value.view.reshape(&sizes))
}

/// `Flatten`.
pub(super) fn flatten(call: &Call) -> Result<Value, Problem> {
    let value = movable(call)?;
    let sizes = value.view.sizes();
    let split = axis(call.int("axis").unwrap_or(1), sizes.len() + 1)?;
    let target = [sizes[..split].iter().product(), sizes[split..].iter().product()];
    viewed(value, value.view.reshape(&target))
}

/// `Squeeze`.
pub(super) fn squeeze(call: &Call) -> Result<Value, Problem> {
    let value = movable(call)?;
    let sizes = value.view.sizes();
    let axes = call.axes(1, sizes.len())?;
    if let Some(axis) = axes.iter().flatten().find(|axis| sizes[**axis] != 1) {
        return Err(Problem::attribute("axes", axis, "axes of size 1"));
    }
    let goes = |axis: usize| sizes[axis] == 1 && axes.as_ref().is_none_or(|axes| axes.contains(&axis));
    let target: Vec<usize> = (0..sizes.len()).filter(|axis| !goes(*axis)).map(|axis| sizes[axis]).collect();
    viewed(value, value.view.reshape(&target))
}

/// `Unsqueeze`.
pub(super) fn unsqueeze(call: &Call) -> Result<Value, Problem> {
    let value = movable(call)?;
    let new = call.list(1, "axes")?.unwrap_or_default();
    let rank = value.view.axes.len() + new.len();
    let mut axes: Vec<usize> = new.into_iter().map(|value| axis(value, rank)).collect::<Result<_, _>>()?;
    axes.sort_unstable();
    let mut view = value.view.clone();
    for place in axes {
        if place > view.axes.len() {
            return Err(Problem::attribute("axes", place, "different axes"));
        }
        view.axes.insert(place, Vec::new());
    }
    viewed(value, Some(view))
}

/// `Transpose`.
pub(super) fn transpose(call: &Call) -> Result<Value, Problem> {
    let value = movable(call)?;
    let rank = value.view.axes.len();
    let order: Vec<usize> = match call.ints("perm") {
        Some(order) => order.iter().map(|value| axis(*value, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    viewed(value, value.view.permute(&order))
}

/// The channels `start..end` of an image's features.
fn channels(drafts: &mut Drafts, value: &Traced, name: &str, start: usize, end: usize) -> Result<usize, Problem> {
    let node = drafts.ranked(value, name, 3, "only channels of [N, C, H, W] can be cut")?;
    if (start, end) == (0, drafts.nodes[node].shape[0]) {
        return Ok(node);
    }
    drafts.shared(name, Op::Slice { start, end }, node)
}

/// `Slice` of channels.
pub(super) fn slice(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let value = movable(call)?;
    let sizes = value.view.sizes();
    let name = names::of_node(call.node);
    let mut result = value.clone();
    for cut in cuts(call, &sizes)? {
        if (cut.start, cut.end, cut.step) == (0, sizes[cut.axis] as i64, 1) {
            continue;
        }
        if cut.axis != 1 || cut.step != 1 || cut.start >= cut.end {
            return Err(Problem::attribute("axes", cut.axis, "channels in a row, axis 1"));
        }
        let node = channels(drafts, &result, &name, cut.start as usize, cut.end as usize)?;
        result = drafts.value(node);
    }
    Ok(Value::Traced(result))
}

/// `Split`: each output is a slice. Queries, keys and values may be cut from the last axis.
pub(super) fn split(drafts: &mut Drafts, call: &Call) -> Result<Vec<Value>, Problem> {
    let value = movable(call)?;
    let view_sizes = value.view.sizes();
    let along = call.axis(0, view_sizes.len())?;
    let parts = call.node.output.len();
    let even = || {
        let size = view_sizes[along].div_ceil(parts.max(1));
        let part = |index: usize| view_sizes[along].saturating_sub(index * size).min(size) as i64;
        (0..parts).map(part).collect()
    };
    let sizes = call.list(1, "split")?.unwrap_or_else(even);
    let sizes: Vec<usize> = sizes.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
    let total = sizes.iter().try_fold(0usize, |total, size| total.checked_add(*size));
    if sizes.len() != parts || total != Some(view_sizes[along]) {
        return Err(Problem::attribute("split", sizes, "sizes that add up to the axis"));
    }
    let name = names::of_node(call.node);
    if along + 1 == view_sizes.len() && along == 2 && sizes.iter().all(|size| *size == sizes[0]) {
        let apart = value.view.reshape(&[view_sizes[0], view_sizes[1], parts, sizes[0]]);
        let part = |index| viewed(value, apart.as_ref().and_then(|view| view.select(2, index)));
        return (0..parts).map(part).collect();
    }
    if along != 1 {
        return Err(Problem::attribute("axis", along, "1, the channels"));
    }
    let mut start = 0;
    let mut outputs = Vec::new();
    for size in sizes {
        let node = channels(drafts, value, &name, start, start + size)?;
        outputs.push(Value::Traced(drafts.value(node)));
        start += size;
    }
    Ok(outputs)
}

/// `Gather` with a constant index: one of several equal parts, a token, or channels in a row.
pub(super) fn gather(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let value = movable(call)?;
    let sizes = value.view.sizes();
    let along = call.axis(0, sizes.len())?;
    let indices = call.constant(1, "indices")?;
    let wanted = indices.as_ints().unwrap_or_default();
    let picked: Vec<usize> = wanted.iter().map(|index| axis(*index, sizes[along])).collect::<Result<_, _>>()?;
    let scalar = indices.dims.is_empty();
    let in_a_row = picked.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if along == 1 && sizes.len() == 4 && in_a_row && indices.dims.len() < 2 && !picked.is_empty() {
        let node = channels(drafts, value, &names::of_node(call.node), picked[0], picked[0] + picked.len())?;
        let mut result = drafts.value(node);
        if scalar {
            result.view.axes.remove(1);
        }
        return Ok(Value::Traced(result));
    }
    match picked[..] {
        [index] if scalar => viewed(value, value.view.select(along, index)),
        _ => Err(Problem::attribute("indices", wanted, "one index, or channels in a row")),
    }
}

/// `Expand` of the class token to the batch; everything else that is repeated is not supported.
pub(super) fn expand(drafts: &Drafts, call: &Call) -> Result<Option<Value>, Problem> {
    let Value::Constant(array) = call.input(0)? else {
        return Err(Problem::Pattern("values that are repeated are not supported"));
    };
    let target = call.list(1, "shape")?.unwrap_or_default();
    let [1, 1, _] = array.dims[..] else { return Ok(None) };
    let batch = target.len() == 3 && usize::try_from(target[0]) == Ok(drafts.batch) && target[1] == 1;
    Ok(batch.then(|| Value::Constant(Rc::clone(array))))
}

/// `Concat` along the channels, or of a class token and the others.
pub(super) fn concat(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let name = names::of_node(call.node);
    if let [Some(Value::Constant(token)), Some(Value::Traced(tokens))] = &call.inputs[..] {
        return class_token(drafts, call, token, tokens);
    }
    let values = (0..call.inputs.len()).map(|index| call.traced(index)).collect::<Result<Vec<_>, _>>()?;
    let rank = values.first().ok_or(Problem::MissingInput(0))?.view.axes.len();
    if call.axis(1, rank)? != 1 || rank == 3 {
        return Err(Problem::attribute("axis", call.int("axis"), "1, the channels"));
    }
    let nodes = values.iter().map(|value| drafts.plain(value, &name)).collect::<Result<Vec<_>, _>>()?;
    let node = match whole(drafts, &nodes) {
        Some((node, scale, shift)) => drafts.affine(&name, node, scale, shift)?,
        None if nodes.len() == 1 => nodes[0],
        None => drafts.add(&name, Step::Op(Op::Concat), &nodes, Vec::new())?,
    };
    Ok(Value::Traced(drafts.value(node)))
}

/// Slices that follow each other are the value that they were cut from, but for what was done to each
/// (torchvision's `transform_input`).
fn whole(drafts: &Drafts, nodes: &[usize]) -> Option<(usize, Vec<f64>, Vec<f64>)> {
    let parts = nodes.iter().map(|node| drafts.part(*node)).collect::<Option<Vec<_>>>()?;
    let node = parts.first()?.source;
    let mut next = 0;
    for part in &parts {
        if part.source != node || part.start != next {
            return None;
        }
        next = part.end;
    }
    let scale = parts.iter().flat_map(|part| &part.scale).copied().collect();
    let shift = parts.iter().flat_map(|part| &part.shift).copied().collect();
    (drafts.nodes[node].shape[0] == next).then_some((node, scale, shift))
}

fn class_token(drafts: &mut Drafts, call: &Call, token: &Array, tokens: &Traced) -> Result<Value, Problem> {
    let [1, 1, features] = token.dims[..] else {
        return Err(Problem::attribute("constant's shape", &token.dims, "a class token, [1, 1, E]"));
    };
    if call.axis(1, 3)? != 1 {
        return Err(Problem::attribute("axis", call.int("axis"), "1, in front of the other tokens"));
    }
    let name = names::of_tensor(&token.name).unwrap_or_else(|| "class_token".into());
    let node = drafts.ranked(tokens, &name, 2, "a class token is put in front of tokens [N, L, E]")?;
    let tensor = Tensor::new(token.dims.clone(), token.to_floats());
    let node = drafts.add(&name, Step::Op(Op::ClassToken { features }), &[node], vec![tensor])?;
    Ok(Value::Traced(drafts.value(node)))
}
