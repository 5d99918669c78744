//! Operators that compute new constants, element by element.

use super::super::array::{Array, Data};
use super::super::error::Problem;
use super::{LIMIT, bounded, broadcast, source};

/// The operators with one or two inputs; `None` for others.
pub(super) fn apply(op: &str, inputs: &[&Array]) -> Result<Option<Array>, Problem> {
    match inputs {
        [only] => Ok(unary(op, only)),
        [left, right] => binary(op, left, right),
        _ => Ok(None),
    }
}

fn unary(op: &str, array: &Array) -> Option<Array> {
    let float: fn(f32) -> f32 = match op {
        "Sqrt" => f32::sqrt,
        "Floor" => f32::floor,
        "Ceil" => f32::ceil,
        "Neg" => |value| -value,
        "Reciprocal" => |value| 1.0 / value,
        "ReduceProd" => return Some(product(array)),
        _ => return None,
    };
    let data = match (&array.data, op) {
        (Data::Ints(values), "Neg") => Data::Ints(values.iter().map(|value| value.wrapping_neg()).collect()),
        (Data::Ints(_), "Floor" | "Ceil") => array.data.clone(),
        _ => Data::Floats(array.to_floats().into_iter().map(float).collect()),
    };
    Some(Array { name: array.name.clone(), dims: array.dims.clone(), data })
}

/// Of all elements, as exporters use it: on a shape.
fn product(array: &Array) -> Array {
    let data = match &array.data {
        Data::Ints(values) => Data::Ints(vec![values.iter().fold(1, |total, value| i64::wrapping_mul(total, *value))]),
        Data::Floats(values) => Data::Floats(vec![values.iter().product()]),
    };
    Array::new(vec![1], data)
}

fn binary(op: &str, left: &Array, right: &Array) -> Result<Option<Array>, Problem> {
    if let (Data::Ints(a), Data::Ints(b)) = (&left.data, &right.data) {
        let Some(function) = on_integers(op) else { return Ok(None) };
        let overflow = || Problem::attribute("inputs", (op, a.len()), "integers whose result is one");
        let zip = |i: usize, j: usize| function(a[i], b[j]).ok_or_else(overflow);
        return Ok(Some(zipped(left, right, zip, Data::Ints)?));
    }
    let (a, b) = (left.to_floats(), right.to_floats());
    if let Some(function) = on_floats(op) {
        return Ok(Some(zipped(left, right, |i, j| Ok(function(a[i], b[j])), Data::Floats)?));
    }
    let Some(function) = comparison(op) else { return Ok(None) };
    Ok(Some(zipped(left, right, |i, j| Ok(function(a[i], b[j]).into()), Data::Ints)?))
}

/// Applies `function` to the indices of elements that stand over each other.
fn zipped<T>(
    left: &Array,
    right: &Array,
    function: impl Fn(usize, usize) -> Result<T, Problem>,
    data: fn(Vec<T>) -> Data,
) -> Result<Array, Problem> {
    let dims = broadcast(&left.dims, &right.dims)?;
    let elements = bounded(&dims, left.data.len().max(right.data.len()))?;
    let at = |flat| function(source(flat, &dims, &left.dims), source(flat, &dims, &right.dims));
    let values = (0..elements).map(at).collect::<Result<Vec<T>, _>>()?;
    Ok(Array::new(dims, data(values)))
}

fn on_integers(op: &str) -> Option<fn(i64, i64) -> Option<i64>> {
    Some(match op {
        "Add" => i64::checked_add,
        "Sub" => i64::checked_sub,
        "Mul" => i64::checked_mul,
        "Div" => i64::checked_div,
        // ONNX's Mod without fmod takes the divisor's sign.
        "Mod" => |a, b| a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
        "Min" => |a, b| Some(a.min(b)),
        "Max" => |a, b| Some(a.max(b)),
        "Equal" => |a, b| Some((a == b).into()),
        "Less" => |a, b| Some((a < b).into()),
        "Greater" => |a, b| Some((a > b).into()),
        "And" => |a, b| Some((a != 0 && b != 0).into()),
        "Or" => |a, b| Some((a != 0 || b != 0).into()),
        _ => return None,
    })
}

fn on_floats(op: &str) -> Option<fn(f32, f32) -> f32> {
    Some(match op {
        "Add" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Pow" => f32::powf,
        "Min" => f32::min,
        "Max" => f32::max,
        _ => return None,
    })
}

fn comparison(op: &str) -> Option<fn(f32, f32) -> bool> {
    Some(match op {
        "Equal" => |a, b| a == b,
        "Less" => |a, b| a < b,
        "Greater" => |a, b| a > b,
        _ => return None,
    })
}

/// `Range`, of integers.
pub(super) fn range(inputs: &[&Array]) -> Result<Array, Problem> {
    let number = |index: usize| inputs.get(index).and_then(|array| array.as_ints()?.first().copied());
    let (Some(start), Some(limit), Some(step @ 1..)) = (number(0), number(1), number(2)) else {
        return Err(Problem::Pattern("Range is supported for integers that rise"));
    };
    let count = limit.saturating_sub(start).max(0) / step;
    if count > LIMIT as i64 {
        return Err(Problem::TooLarge(LIMIT));
    }
    Ok(Array::ints((start..limit).step_by(step as usize).collect()))
}

/// `Where`.
pub(super) fn choose(inputs: &[&Array]) -> Result<Array, Problem> {
    let [condition, yes, no] = inputs else { return Err(Problem::MissingInput(2)) };
    let (Some(truth), Some(a), Some(b)) = (condition.as_ints(), yes.as_ints(), no.as_ints()) else {
        return Err(Problem::Pattern("Where is supported on integers that are known before the network runs"));
    };
    let dims = broadcast(&broadcast(&condition.dims, &yes.dims)?, &no.dims)?;
    let elements = bounded(&dims, 0)?;
    let at = |flat: usize, array: &Array| source(flat, &dims, &array.dims);
    let pick = |flat| if truth[at(flat, condition)] != 0 { a[at(flat, yes)] } else { b[at(flat, no)] };
    let values = (0..elements).map(pick).collect();
    Ok(Array::new(dims, Data::Ints(values)))
}
