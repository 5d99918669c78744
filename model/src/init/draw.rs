//! Random numbers that are the same everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::tensor::Tensor;

/// The distribution of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Draw {
    /// All the same.
    Constant(f32),
    /// Normal around 0 with this standard deviation, within six of them.
    Normal(f64),
    /// Uniform between plus and minus this.
    Uniform(f64),
}

impl Draw {
    /// A tensor of this distribution, from the stream that belongs to the seed and the tensor's full name.
    pub fn tensor(&self, shape: &[usize], seed: u64, name: &str) -> Tensor {
        let mut rng = stream(seed, name);
        let elements: usize = shape.iter().product();
        let data = match *self {
            Draw::Constant(value) => vec![value; elements],
            Draw::Normal(deviation) => (0..elements).map(|_| (normal(&mut rng) * deviation) as f32).collect(),
            Draw::Uniform(bound) => (0..elements).map(|_| ((2.0 * uniform(&mut rng) - 1.0) * bound) as f32).collect(),
        };
        Tensor::new(shape, data)
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
