//! Exact indices: which positions of each value, and so of each tensor's axis, are kept.

use std::collections::{HashMap, HashSet};

use super::dependency::Dependencies;
use crate::tensor::Tensor;

/// For each node, the channels of its value that stay, ascending.
pub(super) type Kept = HashMap<String, Vec<usize>>;

/// What stays of every value when the coupled channels in `removed` go.
pub(super) fn kept(dependencies: &Dependencies, removed: &HashSet<usize>) -> Kept {
    let stay = |slots: &Vec<usize>| {
        let indices = slots.iter().enumerate().filter(|(_, slot)| !removed.contains(slot));
        indices.map(|(index, _)| index).collect()
    };
    dependencies.channels.iter().map(|(node, slots)| (node.clone(), stay(slots))).collect()
}

/// The tensor with only these indices of one axis.
pub(super) fn gather(tensor: &Tensor, axis: usize, indices: &[usize]) -> Tensor {
    let inner: usize = tensor.shape[axis + 1..].iter().product();
    let block = tensor.shape[axis] * inner;
    let mut shape = tensor.shape.clone();
    shape[axis] = indices.len();
    let mut data = Vec::with_capacity(shape.iter().product());
    for outer in tensor.data.chunks(block.max(1)) {
        for index in indices {
            data.extend_from_slice(&outer[index * inner..(index + 1) * inner]);
        }
    }
    Tensor { shape, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_along_either_axis() {
        let tensor = Tensor::new([2, 3, 2], (0..12u8).map(f32::from).collect());
        let rows = gather(&tensor, 0, &[1]);
        assert_eq!((rows.shape, rows.data), (vec![1, 3, 2], vec![6.0, 7.0, 8.0, 9.0, 10.0, 11.0]));
        let columns = gather(&tensor, 1, &[0, 2]);
        assert_eq!((columns.shape, columns.data), (vec![2, 2, 2], vec![0.0, 1.0, 4.0, 5.0, 6.0, 7.0, 10.0, 11.0]));
    }
}
