//! How a tensor is mapped to integers.

use serde::{Deserialize, Serialize};

use super::{Param, Role};

/// An affine quantizer: `q = clamp(round(x / scale) + zero_point, min, max)`, `x ≈ (q − zero_point) · scale`, rounding half
/// to even. The numbers themselves are tensors of the node: `<node>.scale` and `<node>.zero_point` of shape `[1]` for an
/// activation, `<node>.weight_scale` of shape `[O]` for weights (whose zero point is 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantSpec {
    /// Width of the integers, 2 to 8.
    pub bits: u8,
    /// Two's complement rather than unsigned.
    pub signed: bool,
    /// Zero point fixed (0 if signed), and for signed integers the same range on both sides.
    pub symmetric: bool,
    /// One scale per output channel rather than one for the whole tensor.
    pub per_channel: bool,
}

impl QuantSpec {
    /// Profile `ort-vnni`: asymmetric uint8, one scale.
    pub const UINT8_ACTIVATION: Self = Self { bits: 8, signed: false, symmetric: false, per_channel: false };
    /// Profile `ort-vnni`: symmetric int8, one scale per output channel.
    pub const INT8_WEIGHT: Self = Self { bits: 8, signed: true, symmetric: true, per_channel: true };

    /// Smallest integer: 0 if unsigned; −127 for symmetric int8 (so that negation cannot overflow), else −128.
    pub fn min(&self) -> i32 {
        match (self.signed, self.symmetric) {
            (false, _) => 0,
            (true, true) => -self.max(),
            (true, false) => -(1 << (self.bits - 1)),
        }
    }

    /// Largest integer: 255 for uint8, 127 for int8.
    pub fn max(&self) -> i32 {
        if self.signed { (1 << (self.bits - 1)) - 1 } else { (1 << self.bits) - 1 }
    }

    /// Number of steps between [`Self::min`] and [`Self::max`].
    pub fn steps(&self) -> i32 {
        self.max() - self.min()
    }

    /// The integer for `x`, computed in f32 exactly as libtorch's `fake_quantize` kernels do (multiplication by the
    /// reciprocal of the scale, round half to even, saturate).
    pub fn quantize(&self, x: f32, scale: f32, zero_point: i32) -> i32 {
        let steps = (x * (1.0 / scale)).round_ties_even() as i64;
        (steps + i64::from(zero_point)).clamp(i64::from(self.min()), i64::from(self.max())) as i32
    }

    /// The float that stands for `q`.
    pub fn dequantize(q: i32, scale: f32, zero_point: i32) -> f32 {
        (q - zero_point) as f32 * scale
    }

    pub(super) fn activation_params() -> Vec<Param> {
        ["scale", "zero_point"].map(|name| Param::new(name, vec![1], Role::Quantizer)).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_integer_type() {
        let weight = QuantSpec::INT8_WEIGHT;
        assert_eq!((weight.min(), weight.max()), (-127, 127));
        let activation = QuantSpec::UINT8_ACTIVATION;
        assert_eq!((activation.min(), activation.max()), (0, 255));
        let int4 = QuantSpec { bits: 4, symmetric: false, ..weight };
        assert_eq!((int4.min(), int4.max()), (-8, 7));
    }

    #[test]
    fn rounds_half_to_even_and_saturates() {
        let spec = QuantSpec::INT8_WEIGHT;
        let quantize = |x| spec.quantize(x, 0.5, 0);
        assert_eq!([quantize(0.25), quantize(0.75), quantize(-0.25), quantize(1.25)], [0, 2, 0, 2]);
        assert_eq!([quantize(1e9), quantize(-1e9)], [127, -127]);
        assert_eq!(QuantSpec::UINT8_ACTIVATION.quantize(-1.0, 0.1, 30), 20);
        assert_eq!(QuantSpec::dequantize(20, 0.5, 30), -5.0);
    }
}
