//! Helpers for this crate's tests: random images, models with lively statistics, comparisons.

pub(crate) mod random_graph;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::graph::Graph;
use crate::init;
use crate::model::Model;
use crate::op::{Op, Role};
use crate::tensor::Tensor;

/// Uniform numbers in `[low, high)`.
pub(crate) fn random(shape: impl Into<Vec<usize>>, low: f32, high: f32, seed: u64) -> Tensor {
    let shape = shape.into();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let unit = |rng: &mut ChaCha8Rng| (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
    let data = (0..shape.iter().product()).map(|_| low + (high - low) * unit(&mut rng)).collect();
    Tensor { shape, data }
}

/// A batch `[n, C, H, W]` of noise.
pub(crate) fn images(graph: &Graph, n: usize, seed: u64) -> Tensor {
    let [c, h, w] = graph.input;
    random([n, c, h, w], -1.5, 1.5, seed)
}

/// A model as after some training: biases, γ, β and running statistics are all different from their first values.
pub(crate) fn lively_model(graph: Graph, seed: u64) -> Model {
    let mut model = init::model(graph, seed);
    let nodes = model.graph.nodes.clone();
    for (i, node) in nodes.iter().enumerate() {
        let seed = seed * 1000 + i as u64;
        for (name, param) in node.params().filter(|(_, param)| param.role != Role::Quantizer) {
            let (low, high) = match (&node.op, param.name) {
                (Op::BatchNorm2d(_), "weight" | "running_var") => (0.5, 1.5),
                (Op::ChannelAffine { .. } | Op::LayerNorm(_), "weight") => (0.5, 1.5),
                (Op::BatchNorm2d(_), _) | (_, "bias" | "in_proj_bias") => (-0.5, 0.5),
                (Op::ClassToken { .. } | Op::PositionEmbedding { .. }, _) => (-0.5, 0.5),
                _ => continue,
            };
            model.weights.insert(name, random(param.shape, low, high, seed));
        }
    }
    model
}

/// Asserts `max|a − b| ≤ tolerance · max(1, max|a|)`.
pub(crate) fn assert_close(a: &Tensor, b: &Tensor, tolerance: f32) {
    assert_eq!(a.shape, b.shape);
    let largest = a.data.iter().fold(1.0f32, |max, x| max.max(x.abs()));
    let difference = a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(difference <= tolerance * largest, "difference {difference}, largest value {largest}");
}
