//! Evaluation of what does not depend on the images: arithmetic on shapes, mostly, which exporters leave in the file.
//!
//! `rearrange` has the operators that move numbers, `arithmetic` those that compute new ones. Results are bounded by
//! [`LIMIT`] or by the inputs' size, whichever is larger, so a small hostile file cannot ask for much memory.

mod arithmetic;
mod rearrange;

pub(super) use rearrange::cuts;

use super::array::{Array, Data};
use super::call::{Call, Value};
use super::error::{ImportError, Problem};
use crate::onnx::proto::tensor_proto::DataType;

/// Elements that a computed constant may have, if its inputs have fewer.
const LIMIT: usize = 1 << 16;

/// The value of a node whose inputs are all constants; `None` if this module does not know the operator.
pub(super) fn evaluate(call: &Call) -> Result<Option<Array>, Problem> {
    let op = call.node.op_type.as_str();
    if op == "Constant" {
        return constant(call).map(Some);
    }
    let Some(inputs) = constants(call) else { return Ok(None) };
    let Some(first) = inputs.first() else { return Ok(None) };
    let result = match op {
        "Cast" => cast(first, call.int("to")),
        "Shape" => {
            let sizes: Vec<i64> = first.dims.iter().map(|size| *size as i64).collect();
            Array::ints(span(call, &sizes))
        }
        "Gather" => rearrange::gather(first, second(&inputs)?, call.axis(0, first.dims.len())?)?,
        "Reshape" => rearrange::reshape(first, second(&inputs)?, call.int("allowzero") == Some(1))?,
        "Flatten" => rearrange::flatten(first, call.int("axis").unwrap_or(1))?,
        "Unsqueeze" => rearrange::unsqueeze(first, &call.list(1, "axes")?.unwrap_or_default())?,
        "Squeeze" => rearrange::squeeze(first, call.axes(1, first.dims.len())?),
        "Transpose" => rearrange::transpose(first, call.ints("perm"))?,
        "Concat" => rearrange::concat(&inputs, call.axis(0, first.dims.len())?)?,
        "Slice" => rearrange::slice(first, call)?,
        "Expand" => rearrange::expand(first, second(&inputs)?)?,
        "ConstantOfShape" => filled(first, call)?,
        "Range" => arithmetic::range(&inputs)?,
        "Where" => arithmetic::choose(&inputs)?,
        _ => return arithmetic::apply(op, &inputs),
    };
    Ok(Some(result))
}

/// The part of a shape that operator `Shape` is asked for.
pub(super) fn span(call: &Call, sizes: &[i64]) -> Vec<i64> {
    let rank = sizes.len() as i64;
    let clamp = |value: i64| (if value < 0 { value.saturating_add(rank) } else { value }).clamp(0, rank) as usize;
    let start = clamp(call.int("start").unwrap_or(0));
    let end = clamp(call.int("end").unwrap_or(rank));
    sizes.get(start..end).unwrap_or_default().to_vec()
}

fn constants<'a>(call: &'a Call) -> Option<Vec<&'a Array>> {
    let inputs = call.inputs.iter().flatten();
    inputs.map(|input| if let Value::Constant(array) = input { Some(&**array) } else { None }).collect()
}

fn second<'a>(inputs: &[&'a Array]) -> Result<&'a Array, Problem> {
    inputs.get(1).copied().ok_or(Problem::MissingInput(1))
}

fn constant(call: &Call) -> Result<Array, Problem> {
    if let Some(tensor) = call.tensor("value") {
        return Array::decode(tensor.clone()).map_err(|error| match error {
            ImportError::Tensor { problem, .. } => Problem::attribute("value", problem.to_string(), "a dense tensor"),
            other => Problem::attribute("value", other.to_string(), "a tensor inside of the file"),
        });
    }
    let scalar = |data| Array::new(Vec::new(), data);
    let floats = |values: &[f32]| Array::new(vec![values.len()], Data::Floats(values.to_vec()));
    let value = (call.int("value_int").map(|value| scalar(Data::Ints(vec![value]))))
        .or_else(|| call.float("value_float").map(|value| scalar(Data::Floats(vec![value as f32]))))
        .or_else(|| call.ints("value_ints").map(|values| Array::ints(values.to_vec())))
        .or_else(|| call.floats("value_floats").map(floats));
    value.ok_or(Problem::Attribute { name: "value", value: "missing".into(), supported: "numbers" })
}

/// Integers and truth values are one type here, and so are all floats.
fn cast(array: &Array, to: Option<i64>) -> Array {
    let kind = to.and_then(|to| i32::try_from(to).ok()).and_then(|to| DataType::try_from(to).ok());
    let data = match (kind, &array.data) {
        (Some(DataType::Bool), data) => {
            let truth = |zero: bool| i64::from(!zero);
            match data {
                Data::Floats(values) => Data::Ints(values.iter().map(|value| truth(*value == 0.0)).collect()),
                Data::Ints(values) => Data::Ints(values.iter().map(|value| truth(*value == 0)).collect()),
            }
        }
        (Some(DataType::Float | DataType::Double | DataType::Float16), _) => Data::Floats(array.to_floats()),
        (Some(_), Data::Floats(values)) => Data::Ints(values.iter().map(|value| *value as i64).collect()),
        (_, data) => data.clone(),
    };
    Array { name: array.name.clone(), dims: array.dims.clone(), data }
}

/// `ConstantOfShape`: zeros unless the attribute says otherwise.
fn filled(shape: &Array, call: &Call) -> Result<Array, Problem> {
    let dims = sizes(shape)?;
    let elements = bounded(&dims, 0)?;
    let data = match call.tensor("value").map(|_| constant(call)).transpose()? {
        Some(Array { data: Data::Ints(values), .. }) => Data::Ints(vec![*values.first().unwrap_or(&0); elements]),
        Some(Array { data: Data::Floats(values), .. }) => Data::Floats(vec![*values.first().unwrap_or(&0.0); elements]),
        None => Data::Floats(vec![0.0; elements]),
    };
    Ok(Array::new(dims, data))
}

/// A constant that holds a shape.
fn sizes(shape: &Array) -> Result<Vec<usize>, Problem> {
    let bad = || Problem::attribute("shape", shape.to_floats(), "sizes");
    shape.as_ints().ok_or_else(bad)?.iter().map(|size| usize::try_from(*size).map_err(|_| bad())).collect()
}

/// The number of elements of a shape, if that is not absurd. `least` may be had anyway.
fn bounded(dims: &[usize], least: usize) -> Result<usize, Problem> {
    let limit = LIMIT.max(least);
    let elements = dims.iter().try_fold(1usize, |total, size| total.checked_mul(*size));
    elements.filter(|elements| *elements <= limit).ok_or(Problem::TooLarge(limit))
}

/// The shape that both shapes are repeated to.
fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Problem> {
    let rank = left.len().max(right.len());
    let size = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |index| dims[index]);
    (0..rank)
        .map(|axis| match (size(left, axis), size(right, axis)) {
            (a, b) if a == b => Ok(a),
            (1, b) => Ok(b),
            (a, 1) => Ok(a),
            _ => Err(Problem::attribute("shape", (left, right), "shapes that can be broadcast to each other")),
        })
        .collect()
}

/// The index in an array of shape `dims` that is repeated at `flat` of shape `out`.
fn source(mut flat: usize, out: &[usize], dims: &[usize]) -> usize {
    let (mut index, mut stride) = (0, 1);
    for axis in (0..out.len()).rev() {
        let place = flat % out[axis].max(1);
        flat /= out[axis].max(1);
        if let Some(own) = (axis + dims.len()).checked_sub(out.len()) {
            index += if dims[own] == 1 { 0 } else { place * stride };
            stride *= dims[own];
        }
    }
    index
}

#[cfg(test)]
mod tests;
