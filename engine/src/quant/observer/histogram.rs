//! Counts on a grid that grows.

use tch::{Kind, Tensor};

use crate::checkpoint::{self, State, StateReader, StateWriter};

/// Bins on each side of zero.
const SIDE: usize = 2048;
/// Bin width that the grid starts from: 2⁻⁴⁰, far below any activation that matters.
const LEAST_EXPONENT: i32 = -40;

/// A histogram around zero with bins of width 2^`exponent`: bin i holds values in `[i − SIDE, i − SIDE + 1) · width`. A value
/// outside doubles the width until it fits, and pairs of bins merge, which loses nothing but resolution: between 1 024
/// and 2 048 bins always lie between zero and the largest magnitude. Exact zeros are counted apart, because every quantizer
/// holds zero exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    exponent: i32,
    counts: Vec<u64>,
    zeros: u64,
    min: f32,
    max: f32,
    /// Whether a value was not finite: then no range means anything.
    broken: bool,
}

impl Histogram {
    /// One that has seen nothing.
    pub fn new() -> Histogram {
        Histogram {
            exponent: LEAST_EXPONENT,
            counts: vec![0; 2 * SIDE],
            zeros: 0,
            min: f32::MAX,
            max: f32::MIN,
            broken: false,
        }
    }

    /// Sees values. After one that is not finite there are no extremes any more.
    pub fn add(&mut self, values: &[f32]) {
        self.broken |= values.iter().any(|value| !value.is_finite());
        let finite = values.iter().copied().filter(|value| value.is_finite());
        let (min, max) =
            finite.clone().fold((self.min, self.max), |(min, max), value| (min.min(value), max.max(value)));
        (self.min, self.max) = (min, max);
        if min > max {
            return;
        }
        self.widen_to(max.max(-min));
        let scale = (-f64::from(self.exponent)).exp2();
        for value in finite {
            if value == 0.0 {
                self.zeros += 1;
            } else {
                let bin = (f64::from(value) * scale).floor() as i64 + SIDE as i64;
                self.counts[bin.clamp(0, 2 * SIDE as i64 - 1) as usize] += 1;
            }
        }
    }

    /// Width of a bin.
    pub fn width(&self) -> f64 {
        f64::from(self.exponent).exp2()
    }

    /// The smallest and largest value seen, or `None` before any, or if one was not finite.
    pub fn extremes(&self) -> Option<(f32, f32)> {
        (self.min <= self.max && !self.broken).then_some((self.min, self.max))
    }

    /// How many values were seen, and how many of them were exactly zero.
    pub fn totals(&self) -> (u64, u64) {
        (self.zeros + self.counts.iter().sum::<u64>(), self.zeros)
    }

    /// Counts of the values above zero, from zero outwards.
    pub fn positive(&self) -> &[u64] {
        &self.counts[SIDE..]
    }

    /// Counts of the values below zero, from zero outwards.
    pub fn negative(&self) -> Vec<u64> {
        self.counts[..SIDE].iter().rev().copied().collect()
    }

    fn widen_to(&mut self, magnitude: f32) {
        while f64::from(magnitude) >= SIDE as f64 * self.width() {
            self.exponent += 1;
            let mut merged = vec![0; 2 * SIDE];
            for (bin, count) in self.counts.iter().enumerate() {
                // Zero lies on the edge between bins SIDE − 1 and SIDE, so pairs never straddle it.
                merged[SIDE / 2 + bin / 2] += count;
            }
            self.counts = merged;
        }
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl State for Histogram {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        let counts: Vec<i64> = self.counts.iter().map(|&count| count as i64).collect();
        writer.tensor("counts", &Tensor::from_slice(&counts))?;
        writer.tensor("extremes", &Tensor::from_slice(&[self.min, self.max]))?;
        writer.value("exponent", &self.exponent)?;
        writer.value("zeros", &self.zeros)?;
        writer.value("broken", &self.broken)
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        let mut counts = Tensor::f_zeros([2 * SIDE as i64], (Kind::Int64, tch::Device::Cpu))?;
        reader.tensor_into("counts", &mut counts)?;
        let mut extremes = Tensor::f_zeros([2], (Kind::Float, tch::Device::Cpu))?;
        reader.tensor_into("extremes", &mut extremes)?;
        self.counts = Vec::<i64>::try_from(&counts)?.into_iter().map(|count| count as u64).collect();
        (self.min, self.max) = (extremes.f_double_value(&[0])? as f32, extremes.f_double_value(&[1])? as f32);
        self.exponent = reader.value("exponent")?;
        self.zeros = reader.value("zeros")?;
        self.broken = reader.value("broken")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_batches_does_not_matter() {
        let small: Vec<f32> = (0..500).map(|value| (value as f32 - 100.0) * 1e-3).collect();
        let large: Vec<f32> = (0..500).map(|value| (value as f32 - 400.0) * 0.7).collect();
        let (mut one, mut other) = (Histogram::new(), Histogram::new());
        one.add(&small);
        one.add(&large);
        other.add(&large);
        other.add(&small);
        assert_eq!(one, other);
        assert_eq!(one.totals(), (1000, 2));
        assert_eq!(one.extremes(), Some((-280.0, 69.299995)));
    }

    #[test]
    fn resolution_stays_between_half_and_all_of_the_bins() {
        let mut histogram = Histogram::new();
        for magnitude in [1e-6, 0.3, 5.0, 1000.0] {
            histogram.add(&[magnitude, -magnitude / 3.0]);
            let bins = f64::from(magnitude) / histogram.width();
            assert!((1024.0..2048.0).contains(&bins), "{bins} bins for {magnitude}");
        }
        assert_eq!(histogram.totals(), (8, 0));
        assert_eq!(histogram.negative().iter().sum::<u64>(), 4);
    }

    #[test]
    fn a_value_that_is_not_finite_leaves_no_range() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut histogram = Histogram::new();
            histogram.add(&[1.0, 2.0]);
            assert_eq!(histogram.extremes(), Some((1.0, 2.0)));
            histogram.add(&[value, 3.0]);
            assert_eq!(histogram.extremes(), None);
        }
    }
}
