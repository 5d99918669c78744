//! The ops on a transformer's tokens `[N, L, E]`, by definition.

use super::kernels::linear;
use crate::op::Attention;
use crate::tensor::Tensor;

/// `[N, C, H, W]` → `[N, H·W, C]`.
pub(super) fn tokens(x: &Tensor) -> Tensor {
    let (n, c, area) = (x.shape[0], x.shape[1], x.shape[2] * x.shape[3]);
    let at = |n: usize, position: usize, channel: usize| x.data[(n * c + channel) * area + position];
    let data =
        (0..n).flat_map(|n| (0..area).flat_map(move |position| (0..c).map(move |channel| at(n, position, channel))));
    Tensor::new([n, area, c], data.collect())
}

/// Puts `token` (E numbers) in front of each image's tokens.
pub(super) fn prepend(x: &Tensor, token: &Tensor) -> Tensor {
    let (n, l, e) = (x.shape[0], x.shape[1], x.shape[2]);
    let data = x.data.chunks(l * e).flat_map(|image| token.data.iter().chain(image).copied());
    Tensor::new([n, l + 1, e], data.collect())
}

/// Adds the same numbers to each image.
pub(super) fn add_to_each(x: &Tensor, numbers: &Tensor) -> Tensor {
    let data = x.data.iter().zip(numbers.data.iter().cycle()).map(|(x, number)| x + number).collect();
    Tensor { shape: x.shape.clone(), data }
}

/// Token `index` of each image: `[N, E]`.
pub(super) fn take(x: &Tensor, index: usize) -> Tensor {
    let (n, l, e) = (x.shape[0], x.shape[1], x.shape[2]);
    Tensor::new([n, e], x.data.chunks(l * e).flat_map(|image| image[index * e..][..e].iter().copied()).collect())
}

/// Mean and variance are taken over the features `over`, which are all but for a comparison with a pruned network.
pub(super) fn layer_norm(x: &Tensor, eps: f64, weight: &Tensor, bias: &Tensor, over: &[usize]) -> Tensor {
    let features = weight.elements();
    let mean_of = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / over.len() as f64;
    let normalise = |token: &[f32]| {
        let token: Vec<f64> = token.iter().copied().map(f64::from).collect();
        let mean = mean_of(&mut over.iter().map(|i| token[*i]));
        let variance = mean_of(&mut over.iter().map(|i| (token[*i] - mean).powi(2)));
        let each = token.into_iter().zip(weight.data.iter().zip(&bias.data));
        let value = |(x, (w, b)): (f64, (&f32, &f32))| {
            ((x - mean) / (variance + eps).sqrt() * f64::from(*w) + f64::from(*b)) as f32
        };
        each.map(value).collect::<Vec<f32>>()
    };
    Tensor { shape: x.shape.clone(), data: x.data.chunks(features).flat_map(normalise).collect() }
}

/// `softmax(scale · Q·Kᵀ)·V` of each head, the heads' outputs side by side.
pub(super) fn attention(attrs: &Attention, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    let (n, l, out) = (x.shape[0], x.shape[1], attrs.out_features());
    let projected = linear(x, weight, Some(&bias.data));
    let mut data = vec![0.0f32; n * l * out];
    for image in 0..n {
        // Part 0 holds the queries, 1 the keys, 2 the values.
        let vector = |token: usize, part: usize, head: usize| {
            let begin = ((image * l + token) * 3 + part) * out + head * attrs.head_dim;
            &projected.data[begin..begin + attrs.head_dim]
        };
        for head in 0..attrs.heads {
            for token in 0..l {
                let query = vector(token, 0, head);
                let shares = softmax((0..l).map(|key| attrs.scale * dot(query, vector(key, 1, head))).collect());
                let target = &mut data[(image * l + token) * out + head * attrs.head_dim..][..attrs.head_dim];
                for (i, target) in target.iter_mut().enumerate() {
                    let sum: f64 = (0..l).map(|key| shares[key] * f64::from(vector(key, 2, head)[i])).sum();
                    *target = sum as f32;
                }
            }
        }
    }
    Tensor::new([n, l, out], data)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn softmax(mut logits: Vec<f64>) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for x in &mut logits {
        *x = (*x - largest).exp();
    }
    let sum: f64 = logits.iter().sum();
    logits.into_iter().map(|x| x / sum).collect()
}
