//! From an observed range to a scale and a zero point.

use crate::op::QuantSpec;

/// Smallest scale of an activation: keeps the reciprocal and products with weight scales far from denormal numbers.
const MIN_SCALE: f32 = 1e-8;

/// Scale and zero point that cover `[min, max]`, widened to hold zero exactly.
///
/// Asymmetric: `scale = (max − min) / steps`, `zero_point = round(qmin − min / scale)`, so the output of a ReLU (min 0) gets
/// zero point 0 for uint8, which lets the runtime drop the ReLU. Symmetric: `scale = max(|min|, |max|) / qmax`, zero point 0.
/// An empty range (all values zero, as behind dead units) is taken as `[0, 1]`: a wide one, such as scale 1 would give, is not
/// inside that of a ReLU6, which the runtime then keeps, and with it a float convolution.
pub fn affine(min: f32, max: f32, spec: &QuantSpec) -> (f32, i32) {
    let (min, max) = (min.min(0.0), max.max(0.0));
    let max = if min == max { 1.0 } else { max };
    if spec.symmetric && spec.signed {
        return ((max.max(-min) / spec.max() as f32).max(MIN_SCALE), 0);
    }
    let scale = ((max - min) / spec.steps() as f32).max(MIN_SCALE);
    let zero_point = (spec.min() as f32 - min / scale).round_ties_even() as i32;
    (scale, zero_point.clamp(spec.min(), spec.max()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relu_gets_zero_point_zero() {
        let (scale, zero_point) = affine(0.0, 5.1, &QuantSpec::UINT8_ACTIVATION);
        assert!((scale - 0.02).abs() < 1e-6);
        assert_eq!(zero_point, 0);
    }

    #[test]
    fn zero_is_always_on_the_grid() {
        let spec = QuantSpec::UINT8_ACTIVATION;
        for (min, max) in [(-1.0, 2.0), (0.5, 2.0), (-3.0, -1.0), (-1e-3, 1e3)] {
            let (scale, zero_point) = affine(min, max, &spec);
            assert_eq!(QuantSpec::dequantize(spec.quantize(0.0, scale, zero_point), scale, zero_point), 0.0);
        }
        assert_eq!(affine(-3.0, -1.0, &spec).1, 255);
    }

    #[test]
    fn symmetric_ranges_are_centred() {
        assert_eq!(affine(-1.27, 0.5, &QuantSpec::INT8_WEIGHT), (0.01, 0));
    }

    #[test]
    fn an_empty_range_stays_inside_that_of_a_relu6() {
        let spec = QuantSpec::UINT8_ACTIVATION;
        let (scale, zero_point) = affine(0.0, 0.0, &spec);
        assert_eq!(zero_point, 0);
        assert!(scale > 0.0 && QuantSpec::dequantize(spec.max(), scale, zero_point) <= 6.0);
    }
}
