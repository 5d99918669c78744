//! Activation functions, in f64.

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(super) fn hardsigmoid(x: f64) -> f64 {
    (x / 6.0 + 0.5).clamp(0.0, 1.0)
}

/// `x · Φ(x)`.
pub(super) fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

/// The error function by its series `2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!` (Abramowitz & Stegun 7.1.6), whose terms are all of
/// one sign; it is 1 to f64's precision from 6 on.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    let mut n = 1.0;
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_their_tabulated_values() {
        for (x, expected) in [(0.0, 0.0), (0.5, 0.5204998778), (1.0, 0.8427007929), (-2.0, -0.9953222650), (7.0, 1.0)] {
            assert!((erf(x) - expected).abs() < 1e-9, "erf({x}) = {}", erf(x));
        }
        assert!((gelu(1.0) - 0.8413447461).abs() < 1e-9 && gelu(-10.0).abs() < 1e-9);
        assert_eq!([hardsigmoid(-4.0), hardsigmoid(0.0), hardsigmoid(4.0)], [0.0, 0.5, 1.0]);
        assert!((sigmoid(2.0) - 0.8807970780).abs() < 1e-9);
    }
}
