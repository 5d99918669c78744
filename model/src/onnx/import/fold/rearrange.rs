//! Operators that move the numbers of constants.

use super::super::array::Array;
use super::super::call::{Call, axis, resolve};
use super::super::error::Problem;
use super::{bounded, broadcast, sizes, source};

/// Elements before, along and behind an axis.
fn around(dims: &[usize], axis: usize) -> (usize, usize, usize) {
    (dims[..axis].iter().product(), dims[axis], dims[axis + 1..].iter().product())
}

/// The array with the given indices of one axis, whose length becomes `lengths` (several axes, or none).
fn take(array: &Array, axis: usize, indices: &[usize], lengths: &[usize]) -> Result<Array, Problem> {
    let (before, length, behind) = around(&array.dims, axis);
    let dims = [&array.dims[..axis], lengths, &array.dims[axis + 1..]].concat();
    bounded(&dims, array.data.len())?;
    let at = |outer: usize| indices.iter().map(move |index| (outer * length + index) * behind);
    Ok(array.pick(dims, (0..before).flat_map(at).flat_map(|start| start..start + behind)))
}

pub(super) fn gather(array: &Array, indices: &Array, along: usize) -> Result<Array, Problem> {
    let wanted = indices.as_ints().ok_or_else(|| Problem::attribute("indices", &indices.dims, "integers"))?;
    let length = array.dims[along];
    let picked: Vec<usize> = wanted.iter().map(|index| axis(*index, length)).collect::<Result<_, _>>()?;
    take(array, along, &picked, &indices.dims)
}

pub(super) fn reshape(array: &Array, target: &Array, keep_zero: bool) -> Result<Array, Problem> {
    let target = target.as_ints().ok_or_else(|| Problem::attribute("shape", &target.dims, "integers"))?;
    let dims = resolve(target, &array.dims, keep_zero)?;
    Ok(Array { dims, ..array.clone() })
}

pub(super) fn flatten(array: &Array, split: i64) -> Result<Array, Problem> {
    let split = axis(split, array.dims.len() + 1)?;
    let product = |dims: &[usize]| dims.iter().product();
    Ok(Array { dims: vec![product(&array.dims[..split]), product(&array.dims[split..])], ..array.clone() })
}

pub(super) fn unsqueeze(array: &Array, axes: &[i64]) -> Result<Array, Problem> {
    let rank = array.dims.len() + axes.len();
    let new: Vec<usize> = axes.iter().map(|value| axis(*value, rank)).collect::<Result<_, _>>()?;
    let mut old = array.dims.iter();
    let dims = (0..rank).map(|index| if new.contains(&index) { Some(1) } else { old.next().copied() });
    let dims = dims.collect::<Option<Vec<_>>>().ok_or_else(|| Problem::attribute("axes", axes, "different axes"))?;
    Ok(Array { dims, ..array.clone() })
}

pub(super) fn squeeze(array: &Array, axes: Option<Vec<usize>>) -> Array {
    let goes = |(index, size): (usize, &usize)| *size == 1 && axes.as_ref().is_none_or(|axes| axes.contains(&index));
    let dims = array.dims.iter().enumerate().filter(|axis| !goes(*axis)).map(|(_, size)| *size).collect();
    Array { dims, ..array.clone() }
}

pub(super) fn transpose(array: &Array, order: Option<&[i64]>) -> Result<Array, Problem> {
    let rank = array.dims.len();
    let order: Vec<usize> = match order {
        Some(order) => order.iter().map(|value| axis(*value, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Err(Problem::attribute("perm", order, "a permutation of the axes"));
    }
    let stride = |axis: usize| array.dims[axis + 1..].iter().product::<usize>();
    let strides: Vec<usize> = order.iter().map(|axis| stride(*axis)).collect();
    let dims: Vec<usize> = order.iter().map(|axis| array.dims[*axis]).collect();
    let index = |mut flat: usize| {
        let mut index = 0;
        for (size, stride) in dims.iter().zip(&strides).rev() {
            index += flat % size * stride;
            flat /= size;
        }
        index
    };
    Ok(array.pick(dims.clone(), (0..array.data.len()).map(index)))
}

pub(super) fn concat(arrays: &[&Array], along: usize) -> Result<Array, Problem> {
    let first = arrays[0];
    let same = |array: &&Array| {
        array.dims.len() == first.dims.len()
            && (0..first.dims.len()).all(|axis| axis == along || array.dims[axis] == first.dims[axis])
            && array.as_ints().is_some() == first.as_ints().is_some()
    };
    if !arrays.iter().all(same) {
        return Err(Problem::attribute("inputs", &first.dims, "constants of one type whose other axes agree"));
    }
    let mut dims = first.dims.clone();
    dims[along] = arrays.iter().map(|array| array.dims[along]).sum();
    bounded(&dims, arrays.iter().map(|array| array.data.len()).sum())?;
    let before = first.dims[..along].iter().product();
    let mut joined = first.pick(Vec::new(), std::iter::empty());
    for outer in 0..before {
        for array in arrays {
            let run = array.data.len() / before;
            joined.append(array, outer * run..(outer + 1) * run);
        }
    }
    Ok(Array::new(dims, joined.data))
}

pub(super) fn slice(array: &Array, call: &Call) -> Result<Array, Problem> {
    let mut result = array.clone();
    for cut in cuts(call, &array.dims)? {
        let indices = cut.indices();
        result = take(&result, cut.axis, &indices, &[indices.len()])?;
    }
    Ok(result)
}

/// What operator `Slice` leaves of one axis: from `start` in steps of `step` up to, and without, `end`.
pub(in super::super) struct Cut {
    pub axis: usize,
    pub start: i64,
    pub end: i64,
    pub step: i64,
}

impl Cut {
    /// Negative places count from behind, and those outside of the axis are moved to its ends.
    fn new(axis: usize, length: usize, [start, end, step]: [i64; 3]) -> Self {
        let length = length as i64;
        let place = |value: i64| if value < 0 { value.saturating_add(length) } else { value };
        let (start, end) = if step > 0 {
            (place(start).clamp(0, length), place(end).clamp(0, length))
        } else {
            (place(start).clamp(-1, length - 1), place(end).clamp(-1, length - 1))
        };
        Self { axis, start, end, step }
    }

    /// What is left of an axis; all of it lies within.
    fn indices(&self) -> Vec<usize> {
        let next = |place: &i64| place.checked_add(self.step);
        let places = std::iter::successors(Some(self.start), next);
        places
            .take_while(|place| if self.step > 0 { *place < self.end } else { *place > self.end })
            .map(|place| place as usize)
            .collect()
    }
}

/// The cuts of a `Slice`, one for each axis that it names.
pub(in super::super) fn cuts(call: &Call, dims: &[usize]) -> Result<Vec<Cut>, Problem> {
    let starts = call.list(1, "starts")?.unwrap_or_default();
    let ends = call.list(2, "ends")?.unwrap_or_default();
    let axes = call.axes(3, dims.len())?.unwrap_or_else(|| (0..starts.len()).collect());
    let steps = call.list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    let mut cuts: Vec<Cut> = Vec::new();
    for (index, (start, end)) in starts.iter().zip(&ends).enumerate() {
        let (Some(axis), Some(step)) = (axes.get(index).copied(), steps.get(index).copied()) else {
            return Err(Problem::attribute("axes", axes, "as many as there are starts"));
        };
        let Some(length) = dims.get(axis).copied().filter(|_| cuts.iter().all(|cut| cut.axis != axis)) else {
            return Err(Problem::attribute("axes", axes, "different axes of the input"));
        };
        if step == 0 {
            return Err(Problem::attribute("steps", steps, "other than 0"));
        }
        cuts.push(Cut::new(axis, length, [*start, *end, step]));
    }
    Ok(cuts)
}

pub(super) fn expand(array: &Array, target: &Array) -> Result<Array, Problem> {
    let dims = broadcast(&array.dims, &sizes(target)?)?;
    let elements = bounded(&dims, array.data.len())?;
    let indices: Vec<usize> = (0..elements).map(|flat| source(flat, &dims, &array.dims)).collect();
    Ok(array.pick(dims, indices.into_iter()))
}
