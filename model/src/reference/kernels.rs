//! The ops on images, by definition. Values are `[N, C, H, W]`, `[N, F]` or `[N, L, E]`.

use crate::op::Conv2d;
use crate::tensor::Tensor;

pub(super) fn map(x: &Tensor, f: impl Fn(f32) -> f32) -> Tensor {
    Tensor { shape: x.shape.clone(), data: x.data.iter().map(|x| f(*x)).collect() }
}

/// With `f` in f64.
pub(super) fn map_wide(x: &Tensor, f: impl Fn(f64) -> f64) -> Tensor {
    map(x, |x| f(f64::from(x)) as f32)
}

pub(super) fn add(a: &Tensor, b: &Tensor) -> Tensor {
    Tensor { shape: a.shape.clone(), data: a.data.iter().zip(&b.data).map(|(a, b)| a + b).collect() }
}

/// An image `[N, C, H, W]` that answers zero, or nothing, outside its borders.
pub(super) struct Planes<'a> {
    data: &'a [f32],
    pub(super) dims: [usize; 4],
}

impl<'a> Planes<'a> {
    pub(super) fn new(x: &'a Tensor) -> Self {
        let dims = x.shape.as_slice().try_into().expect("a verified graph gives this op [N, C, H, W]");
        Self { data: &x.data, dims }
    }

    /// The element at a position given in padded coordinates, if it is inside.
    pub(super) fn at(&self, n: usize, c: usize, padded: [usize; 2], padding: [usize; 2]) -> Option<f32> {
        let [_, channels, height, width] = self.dims;
        let h = padded[0].checked_sub(padding[0]).filter(|h| *h < height)?;
        let w = padded[1].checked_sub(padding[1]).filter(|w| *w < width)?;
        Some(self.data[((n * channels + c) * height + h) * width + w])
    }
}

/// Builds `[N, C, H, W]` by asking for each element.
pub(super) fn planes(dims: [usize; 4], f: impl Fn(usize, usize, usize, usize) -> f64) -> Tensor {
    let [ns, cs, hs, ws] = dims;
    let mut data = Vec::with_capacity(dims.iter().product());
    for n in 0..ns {
        for c in 0..cs {
            for h in 0..hs {
                data.extend((0..ws).map(|w| f(n, c, h, w) as f32));
            }
        }
    }
    Tensor { shape: dims.to_vec(), data }
}

fn windows(size: usize, padding: usize, window: usize, stride: usize) -> usize {
    (size + 2 * padding - window) / stride + 1
}

pub(super) fn conv2d(conv: &Conv2d, x: &Tensor, weight: &Tensor, bias: Option<&[f32]>) -> Tensor {
    let image = Planes::new(x);
    let [n, _, height, width] = image.dims;
    let reach = |i: usize| conv.dilation[i] * (conv.kernel[i] - 1) + 1;
    let h_out = windows(height, conv.padding[0], reach(0), conv.stride[0]);
    let w_out = windows(width, conv.padding[1], reach(1), conv.stride[1]);
    let group_in = conv.in_channels / conv.groups;
    let group_out = conv.out_channels / conv.groups;
    let [kh, kw] = conv.kernel;
    planes([n, conv.out_channels, h_out, w_out], |n, o, h, w| {
        let first = o / group_out * group_in;
        let mut sum = bias.map_or(0.0, |bias| f64::from(bias[o]));
        for c in 0..group_in {
            for i in 0..kh {
                for j in 0..kw {
                    let at = [h * conv.stride[0] + i * conv.dilation[0], w * conv.stride[1] + j * conv.dilation[1]];
                    if let Some(x) = image.at(n, first + c, at, conv.padding) {
                        sum += f64::from(x) * f64::from(weight.data[((o * group_in + c) * kh + i) * kw + j]);
                    }
                }
            }
        }
        sum
    })
}

pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&[f32]>) -> Tensor {
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>();
    let mut shape = x.shape.clone();
    *shape.last_mut().expect("a verified graph gives this op [N, …, F]") = weight.shape[0];
    let outputs = x.data.chunks(weight.shape[1]).flat_map(|x| {
        let each = weight.rows().enumerate();
        each.map(move |(o, w)| (dot(x, w) + bias.map_or(0.0, |bias| f64::from(bias[o]))) as f32)
    });
    Tensor::new(shape, outputs.collect())
}

/// `params` are γ, β, the running mean and the running variance.
pub(super) fn batch_norm(x: &Tensor, eps: f64, params: [&[f32]; 4]) -> Tensor {
    let image = Planes::new(x);
    planes(image.dims, |n, c, h, w| {
        let [gamma, beta, mean, variance] = params.map(|param| f64::from(param[c]));
        let x = f64::from(image.at(n, c, [h, w], [0, 0]).unwrap_or(0.0));
        (x - mean) / (variance + eps).sqrt() * gamma + beta
    })
}

/// `y = scale · x + shift` per channel.
pub(super) fn channel_affine(x: &Tensor, scale: &[f64], shift: &[f64]) -> Tensor {
    let image = Planes::new(x);
    planes(image.dims, |n, c, h, w| f64::from(image.at(n, c, [h, w], [0, 0]).unwrap_or(0.0)) * scale[c] + shift[c])
}

/// Product of equal shapes, or with one factor for each plane.
pub(super) fn mul(a: &Tensor, b: &Tensor) -> Tensor {
    let each = a.elements() / b.elements().max(1);
    let data = a.data.iter().enumerate().map(|(i, x)| x * b.data[i / each]).collect();
    Tensor { shape: a.shape.clone(), data }
}

/// The channels of `[N, C, H, W]` at these places, in this order.
pub(super) fn pick_channels(x: &Tensor, places: Vec<usize>) -> Tensor {
    let [n, channels, height, width] = Planes::new(x).dims;
    let area = height * width;
    let plane = |n: usize, c: usize| &x.data[(n * channels + c) * area..][..area];
    let data = (0..n).flat_map(|n| places.iter().flat_map(move |c| plane(n, *c).iter().copied()));
    Tensor::new([n, places.len(), height, width], data.collect())
}

/// Joins along axis 1.
pub(super) fn concat(inputs: &[&Tensor]) -> Tensor {
    let mut shape = inputs[0].shape.clone();
    shape[1] = inputs.iter().map(|input| input.shape[1]).sum();
    let images = 0..shape[0];
    let data = images.flat_map(|n| {
        inputs.iter().flat_map(move |input| {
            let each = input.elements() / input.shape[0];
            input.data[n * each..(n + 1) * each].iter().copied()
        })
    });
    Tensor::new(shape.clone(), data.collect())
}
