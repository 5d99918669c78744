//! The smallest and the largest value.

use tch::{Kind, Tensor};

use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::lower::weight_of_part;

/// Smallest and largest value: of everything seen, or averaged over batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Extremes {
    /// Weight of the newest batch; `None`: the extremes of all batches.
    averaging: Option<f32>,
    range: Option<(f32, f32)>,
}

impl Extremes {
    /// Of everything seen.
    pub fn overall() -> Extremes {
        Extremes { averaging: None, range: None }
    }

    /// An exponential moving average of each batch's extremes, beginning with the first batch's (Jacob et al. 2018).
    pub fn averaging(weight: f32) -> Extremes {
        Extremes { averaging: Some(weight), range: None }
    }

    /// Begins at a known range, as if a batch had shown it.
    pub fn starting_at(mut self, range: (f32, f32)) -> Extremes {
        self.range = Some(range);
        self
    }

    /// Sees `share` of a batch, with these extremes.
    pub fn add(&mut self, min: f32, max: f32, share: f64) {
        self.range = Some(match (self.range, self.averaging) {
            (None, _) => (min, max),
            // NaN must stay to be seen; `f32::min` would pass over it.
            (Some(_), _) if min.is_nan() || max.is_nan() => (f32::NAN, f32::NAN),
            (Some((low, high)), None) => (low.min(min), high.max(max)),
            (Some((low, high)), Some(weight)) => {
                let weight = weight_of_part(f64::from(weight), share) as f32;
                (low + weight * (min - low), high + weight * (max - high))
            }
        });
    }

    /// `(min, max)`, or `None` before any batch.
    pub fn range(&self) -> Option<(f32, f32)> {
        self.range
    }
}

impl State for Extremes {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        // As a tensor, not as text: a decimal number might not come back bit by bit.
        let values = self.range.map_or(vec![], |(min, max)| vec![min, max]);
        writer.tensor("range", &Tensor::from_slice(&values))
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        let saved = reader.tensor("range")?.f_to_kind(Kind::Float)?;
        self.range = match Vec::<f32>::try_from(&saved)?[..] {
            [min, max] => Some((min, max)),
            _ => None,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overall_extremes_only_grow() {
        let mut extremes = Extremes::overall();
        assert_eq!(extremes.range(), None);
        for (min, max) in [(-1.0, 2.0), (-0.5, 3.0), (-2.0, 0.0)] {
            extremes.add(min, max, 1.0);
        }
        assert_eq!(extremes.range(), Some((-2.0, 3.0)));
    }

    #[test]
    fn a_moving_average_starts_at_the_first_batch_and_forgets_slowly() {
        let mut extremes = Extremes::averaging(0.25);
        extremes.add(0.0, 4.0, 1.0);
        extremes.add(-4.0, 8.0, 1.0);
        assert_eq!(extremes.range(), Some((-1.0, 5.0)));
    }

    #[test]
    fn the_parts_of_a_batch_move_an_average_as_far_as_the_batch() {
        let moved = |parts: usize| {
            let mut extremes = Extremes::averaging(0.25).starting_at((0.0, 4.0));
            (0..parts).for_each(|_| extremes.add(-4.0, 8.0, 1.0 / parts as f64));
            extremes.range().unwrap()
        };
        assert_eq!(moved(1), (-1.0, 5.0));
        assert!((moved(4).0 + 1.0).abs() < 1e-6 && (moved(4).1 - 5.0).abs() < 1e-6, "{:?}", moved(4));
    }
}
