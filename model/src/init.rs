//! First weights of a network, from a seed.
//!
//! Every tensor draws from its own stream, keyed by the seed and the tensor's name, so one layer's weights do not depend on
//! which other layers there are, and only integer arithmetic and exact IEEE operations are used, so a seed gives the same
//! bytes on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::op::{Op, Param};
use crate::tensor::{Tensor, Weights};

/// Random weights for the graph.
///
/// Convolutions: Kaiming normal over fan-out with gain √2 (He et al. 2015), as in torchvision's ResNets, biases zero. Linear
/// layers: PyTorch's default, uniform in ±1/√fan-in for weight and bias. Batch norm: γ = 1, β = 0, mean 0, variance 1.
/// Quantizers: scale 1, zero point 0, until they are calibrated.
pub fn weights(graph: &Graph, seed: u64) -> Weights {
    let tensors = graph.nodes.iter().flat_map(|node| {
        node.params().map(move |(name, param)| {
            let tensor = init_param(node, &name, &param, seed);
            (name, tensor)
        })
    });
    tensors.collect()
}

/// The graph with [`weights`].
pub fn model(graph: Graph, seed: u64) -> Model {
    let weights = weights(&graph, seed);
    Model { graph, weights }
}

fn init_param(node: &Node, name: &str, param: &Param, seed: u64) -> Tensor {
    let mut rng = stream(seed, name);
    let mut draw = |value: &mut dyn FnMut(&mut ChaCha8Rng) -> f64| {
        let data = (0..param.elements()).map(|_| value(&mut rng) as f32).collect();
        Tensor { shape: param.shape.clone(), data }
    };
    match (&node.op, param.name) {
        (Op::Conv2d(conv), "weight") => {
            let fan_out = conv.out_channels / conv.groups * conv.kernel[0] * conv.kernel[1];
            let deviation = (2.0 / fan_out.max(1) as f64).sqrt();
            draw(&mut |rng| normal(rng) * deviation)
        }
        (Op::Linear(linear), "weight" | "bias") => {
            let bound = 1.0 / (linear.in_features.max(1) as f64).sqrt();
            draw(&mut |rng| (2.0 * uniform(rng) - 1.0) * bound)
        }
        (Op::Attention(attention), "in_proj_weight") => {
            let bound = 1.0 / (attention.in_features.max(1) as f64).sqrt();
            draw(&mut |rng| (2.0 * uniform(rng) - 1.0) * bound)
        }
        (Op::ClassToken { .. } | Op::PositionEmbedding { .. }, _) => draw(&mut |rng| normal(rng) * 0.02),
        (Op::BatchNorm2d(_), "weight" | "running_var")
        | (Op::ChannelAffine { .. } | Op::LayerNorm(_), "weight")
        | (_, "scale" | "weight_scale") => Tensor::full(param.shape.clone(), 1.0),
        _ => Tensor::zeros(param.shape.clone()),
    }
}

fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(name.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// In `[0, 1)`, with 53 bits.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Mean 0 and variance 1: the sum of twelve uniform numbers (Irwin–Hall), within ±6. Unlike Box–Muller it needs no logarithm
/// or cosine, whose last bits differ between maths libraries.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    const BITS: u32 = 21;
    let mask = (1u64 << BITS) - 1;
    let sum: u64 =
        (0..4).map(|_| rng.next_u64()).map(|x| (x & mask) + (x >> BITS & mask) + (x >> (2 * BITS) & mask)).sum();
    // Each of the twelve lies in [0, 2²¹ − 1]; half a step centres it.
    (sum as f64 + 6.0) / f64::from(1u32 << BITS) - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, ZooOptions};

    #[test]
    fn a_seed_gives_the_same_weights_and_another_seed_others() {
        let graph = zoo::build("tiny-cnn", &ZooOptions::default()).unwrap();
        assert_eq!(weights(&graph, 7), weights(&graph, 7));
        assert_ne!(weights(&graph, 7), weights(&graph, 8));
        // The bytes are part of what makes studies repeatable across versions and platforms.
        let digest = blake3::hash(&weights(&graph, 7).to_safetensors().unwrap());
        assert_eq!(&digest.to_hex()[..16], "6f851bb5252af47a");
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut rng = stream(1, "test");
        let draws: Vec<f64> = (0..100_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
    }

    #[test]
    fn convolutions_have_the_deviation_of_kaiming() {
        let graph = zoo::build("small-cnn", &ZooOptions::default()).unwrap();
        let weights = weights(&graph, 0);
        let conv = weights.get("conv7.weight").unwrap();
        let variance = conv.data.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / conv.elements() as f64;
        let expected = 2.0 / (128.0 * 9.0);
        assert!((variance / expected - 1.0).abs() < 0.02, "{variance} against {expected}");
        assert!(weights.get("bn7.weight").unwrap().data.iter().all(|x| *x == 1.0));
    }
}
