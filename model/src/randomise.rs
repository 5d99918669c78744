//! Numbers for every tensor of a network that two programs make alike, bit for bit: what comparing networks rests on.
//!
//! Trained weights are large files, and first weights hide mistakes: biases are zero, batch norms do nothing, torchvision's
//! ViT answers zero to everything. Here each parameter and buffer is drawn from a stream keyed on its *name*, so that a fixture
//! need hold only what the network answers. `scripts/parity/generator.py` is the same in Python.
//!
//! The stream: its seed is the FNV-1a hash (64 bits) of the name's UTF-8 bytes, its words those of SplitMix64 (Steele, Lea and
//! Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). The top 24 bits of a word, as an integer k, become
//! u = k / 2²³ − 1, exact in f32 and in `[-1, 1)`. The rest is computed in f64 and rounded to f32 once:
//!
//! | tensor | value | why |
//! | --- | --- | --- |
//! | `running_var` | 1 + u/2 | a wrong ε shows |
//! | `running_mean` | u/10 | |
//! | four axes: convolutions | u·√(6.5 / fan-in) | variance 13/6 over fan-in: a little more than the 2 that ReLU needs, for gates and SiLU |
//! | two axes: linear layers, attention's projections | u·√(3 / fan-in) | keeps the variance |
//! | one axis, `weight`: scales of norms | 1 + u/4 | |
//! | one axis, others: biases | u/20 | large ones would drown the image in deep networks |
//! | three axes: class tokens, position embeddings | u/2 | |

use crate::graph::Graph;
use crate::model::Model;
use crate::op::Role;
use crate::tensor::{Tensor, Weights};

/// A stream of numbers in `[-1, 1)` with 24 bits each.
pub struct Uniform(u64);

impl Uniform {
    /// The stream that belongs to a name.
    pub fn new(name: &str) -> Self {
        let byte = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, byte))
    }

    /// The next number.
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(((z ^ (z >> 31)) >> 40) as u32) / f64::from(1 << 23) - 1.0
    }
}

/// Around what, and how far, a tensor's elements lie: the table above.
fn range(name: &str, shape: &[usize]) -> (f64, f64) {
    let fan_in = || shape[1..].iter().product::<usize>().max(1) as f64;
    match (name.rsplit('.').next(), shape.len()) {
        (Some("running_var"), _) => (1.0, 0.5),
        (Some("running_mean"), _) => (0.0, 0.1),
        (_, 4) => (0.0, (6.5 / fan_in()).sqrt()),
        (_, 2) => (0.0, (3.0 / fan_in()).sqrt()),
        (Some("weight"), 1) => (1.0, 0.25),
        (_, 1) => (0.0, 0.05),
        _ => (0.0, 0.5),
    }
}

/// The tensor of that full name (`layer1.0.conv1.weight`).
pub fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let (centre, bound) = range(name, shape);
    let mut uniform = Uniform::new(name);
    let elements = shape.iter().product();
    Tensor::new(shape, (0..elements).map(|_| (centre + bound * uniform.draw()) as f32).collect())
}

/// All parameters and buffers of the graph. Quantizers, which have no values of their own before they are calibrated, get the
/// scale 1 and the zero point 0.
pub fn weights(graph: &Graph) -> Weights {
    let tensors = graph.params().map(|(name, param)| {
        let tensor = match (param.role, param.name) {
            (Role::Quantizer, "zero_point") => Tensor::zeros(param.shape),
            (Role::Quantizer, _) => Tensor::full(param.shape, 1.0),
            (Role::Parameter | Role::Buffer, _) => tensor(&name, &param.shape),
        };
        (name, tensor)
    });
    tensors.collect()
}

/// The graph with [`weights`].
pub fn model(graph: Graph) -> Model {
    let weights = weights(&graph);
    Model { graph, weights }
}

/// Images `[N, C, H, W]` in row-major order: a tint, 4×4 tiles, and noise. Noise alone would look alike to any network that
/// averages over the image.
pub fn images(count: usize, [channels, height, width]: [usize; 3]) -> Tensor {
    let draw = |name: &str, elements: usize| {
        let mut uniform = Uniform::new(name);
        (0..elements).map(|_| uniform.draw()).collect::<Vec<f64>>()
    };
    let planes = count * channels;
    let (tint, tiles) = (draw("images.tint", planes), draw("images.tiles", planes * 16));
    let mut noise = Uniform::new("images.noise");
    let mut data = Vec::with_capacity(planes * height * width);
    for plane in 0..planes {
        for y in 0..height {
            for x in 0..width {
                let tile = tiles[plane * 16 + y * 4 / height * 4 + x * 4 / width];
                data.push((tint[plane] + tile + 0.5 * noise.draw()) as f32);
            }
        }
    }
    Tensor::new([count, channels, height, width], data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, ZooOptions};

    /// First, second and last element's bits, as `python scripts/parity golden` prints them.
    const GOLDEN: [(&str, &[usize], [u32; 3]); 7] = [
        ("conv1.weight", &[64, 3, 7, 7], [0x3c9b4b1f, 0x3dd328d4, 0xbe014f4d]),
        ("classifier.6.weight", &[10, 512], [0xbc0fca52, 0xbb0da666, 0xbc18524f]),
        ("bn1.weight", &[64], [0x3f6e1b2a, 0x3f94c31e, 0x3f7e0481]),
        ("bn1.bias", &[64], [0xbd0644b8, 0xbd3c5a4a, 0xbc719206]),
        ("bn1.running_mean", &[64], [0x3d400fb6, 0x3ca4da86, 0xbd927935]),
        ("bn1.running_var", &[64], [0x3f923722, 0x3fa4b456, 0x3fa0cdce]),
        ("encoder.pos_embedding", &[1, 197, 768], [0x3ede1be4, 0xbe38e5d4, 0xbeaeb9be]),
    ];

    fn bits(tensor: &Tensor) -> [u32; 3] {
        [0, 1, tensor.data.len() - 1].map(|i| tensor.data[i].to_bits())
    }

    #[test]
    fn the_numbers_are_pythons() {
        for (name, shape, golden) in GOLDEN {
            assert_eq!(bits(&tensor(name, shape)), golden, "{name}");
        }
        assert_eq!(bits(&images(2, [3, 9, 7])), [0xbf0a2de6, 0xbf2aa4e4, 0xbf0e07f9]);
    }

    #[test]
    fn numbers_spread_evenly_over_their_range() {
        let values = tensor("any.running_var", &[100_000]).data;
        let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!((mean - 1.0).abs() < 0.005, "{mean}");
        assert!((variance / (0.25 / 3.0) - 1.0).abs() < 0.02, "{variance}");
        assert!(values.iter().all(|x| (0.5..=1.5).contains(x)));
    }

    #[test]
    fn nothing_of_a_network_stays_constant() {
        let model = model(zoo::build("resnet20-cifar", &ZooOptions::default()).unwrap());
        crate::verify::model(&model).unwrap();
        for (name, tensor) in model.weights.iter() {
            assert!(tensor.data.iter().any(|x| *x != tensor.data[0]), "{name}");
        }
    }
}
