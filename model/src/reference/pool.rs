//! Pooling, by definition.

use super::kernels::{Planes, planes};
use crate::op::Pool2d;
use crate::tensor::Tensor;

/// Applies `f` to the cells of each window that lie in the image, and to the number of those that lie in the image or its
/// padding.
fn pool(pool: &Pool2d, x: &Tensor, f: impl Fn(&mut dyn Iterator<Item = f64>, usize) -> f64) -> Tensor {
    let image = Planes::new(x);
    let [n, c, height, width] = image.dims;
    let size = [height, width];
    let out =
        [0, 1].map(|i| crate::shape::pooled_side(pool, i, size[i]).expect("a verified graph has windows that fit"));
    planes([n, c, out[0], out[1]], |n, c, h, w| {
        let start = [h * pool.stride[0], w * pool.stride[1]];
        // Windows that ceil mode adds end with the padding.
        let [rows, columns] = [0, 1].map(|i| start[i]..(start[i] + pool.kernel[i]).min(size[i] + 2 * pool.padding[i]));
        let counted = rows.len() * columns.len();
        let mut cells = rows.flat_map(|h| columns.clone().map(move |w| [h, w]));
        let cells = &mut cells;
        f(&mut cells.filter_map(|at| image.at(n, c, at, pool.padding)).map(f64::from), counted)
    })
}

pub(super) fn max_pool(attrs: &Pool2d, x: &Tensor) -> Tensor {
    pool(attrs, x, |cells, _| cells.fold(f64::NEG_INFINITY, f64::max))
}

pub(super) fn avg_pool(attrs: &Pool2d, x: &Tensor) -> Tensor {
    pool(attrs, x, |cells, counted| {
        let (sum, inside) = cells.fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
        sum / if attrs.exclude_padding { inside } else { counted } as f64
    })
}

/// Means of the windows `⌊i·H/H'⌋..⌈(i+1)·H/H'⌉`.
pub(super) fn adaptive_avg_pool(output: [usize; 2], x: &Tensor) -> Tensor {
    let image = Planes::new(x);
    let [n, c, height, width] = image.dims;
    let window = |i: usize, out: usize, size: usize| i * size / out..((i + 1) * size).div_ceil(out);
    planes([n, c, output[0], output[1]], |n, c, h, w| {
        let (rows, columns) = (window(h, output[0], height), window(w, output[1], width));
        let area = rows.len() * columns.len();
        let cells = rows.flat_map(|h| columns.clone().map(move |w| [h, w]));
        cells.filter_map(|at| image.at(n, c, at, [0, 0])).map(f64::from).sum::<f64>() / area as f64
    })
}
