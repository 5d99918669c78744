//! Whether the ONNX file computes what the engine computes.

use sweep_shared::metrics::{self as names, Metrics};

use crate::error::{Error, Result};
use crate::job::PreparedData;
use crate::lower::{Mode, Net, to_model_tensor};
use crate::metrics::argmax;
use crate::runtime::{Session, planes};

/// Images of the test split that both run.
const IMAGES: usize = 1_000;

/// Runs the first test images through both, `batch_size` at a time. The metrics: the largest difference of a logit over the largest logit, and
/// the share of images with the same top-1.
pub fn measure(net: &Net, session: &mut Session, data: &PreparedData, batch_size: usize) -> Result<Metrics> {
    let count = data.dataset.test.len().min(IMAGES);
    let indices: Vec<u32> = (0..count as u32).collect();
    let split = std::sync::Arc::new(data.dataset.test.select(&indices));
    let mut agreement = Agreement::default();
    for (batch, start) in data.evaluation(&split, batch_size).epoch(0, 0).zip((0..count).step_by(batch_size)) {
        let logits = tch::no_grad(|| net.forward(&batch?.images, Mode::Eval).map_err(Error::from))?;
        let expected = to_model_tensor(&logits)?.data;
        let range = start..count.min(start + batch_size);
        let found = session.run(&planes(&split.images, range, data.normaliser()));
        let found = found.map_err(Error::stage("running the exported network"))?;
        agreement.add(&expected, &found, data.dataset.classes.len());
    }
    Ok(agreement.metrics())
}

/// A running comparison of logits.
#[derive(Debug, Default, Clone, PartialEq)]
struct Agreement {
    images: u64,
    same_top1: u64,
    largest_difference: f32,
    largest_logit: f32,
}

impl Agreement {
    fn add(&mut self, expected: &[f32], found: &[f32], classes: usize) {
        for (expected, found) in expected.chunks_exact(classes).zip(found.chunks_exact(classes)) {
            self.images += 1;
            self.same_top1 += u64::from(argmax(expected) == argmax(found));
            for (expected, found) in expected.iter().zip(found) {
                // `f32::max` would pass over NaN, which is the worst disagreement there is.
                let difference = if (expected - found).is_nan() { f32::INFINITY } else { (expected - found).abs() };
                self.largest_difference = self.largest_difference.max(difference);
                self.largest_logit = self.largest_logit.max(expected.abs());
            }
        }
    }

    fn metrics(&self) -> Metrics {
        let relative = f64::from(self.largest_difference) / f64::from(self.largest_logit.max(f32::MIN_POSITIVE));
        Metrics::from([
            (names::PARITY_MAX_RELATIVE.to_owned(), relative),
            (names::PARITY_TOP1.to_owned(), self.same_top1 as f64 / self.images.max(1) as f64),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_relative_to_the_largest_logit() {
        let mut agreement = Agreement::default();
        agreement.add(&[1.0, -4.0, 2.0, 3.0], &[1.0, -3.5, 3.0, 2.9], 2);
        let metrics = agreement.metrics();
        assert_eq!((agreement.images, agreement.same_top1), (2, 1));
        assert_eq!(metrics[names::PARITY_MAX_RELATIVE], 0.25);
        assert_eq!(metrics[names::PARITY_TOP1], 0.5);
    }

    #[test]
    fn nan_is_never_agreement() {
        let mut agreement = Agreement::default();
        agreement.add(&[1.0, 2.0], &[f32::NAN, 2.0], 2);
        assert!(agreement.metrics()[names::PARITY_MAX_RELATIVE] > 1.0);
    }
}
