//! How many images a network meets at once: the parts of a training batch, and what validation, calibration and publishing take.
//!
//! Memory grows with these numbers, so whoever predicts it and whoever runs the job read them here. A job that ran out of memory is
//! tried again with its batches in more parts (`micro_batches`); everything else that it takes at once shrinks in proportion.

use super::StageKind;
use super::stage::QuantMode;

/// The fewest images of a part: batch norm cannot normalise over a single value, and a network's last planes may be single pixels.
const LEAST_PART: u32 = 2;
/// Images when validating; fewer where they are larger than 90×90.
const VALIDATION: u32 = 256;
/// Pixels when validating: 41 images of 224×224, which VGG-16's widest layers turn into 1.6 GB.
const VALIDATION_PIXELS: u64 = 2 << 20;
/// Images while calibrating. The recipe's, whatever their size: moving averages depend on it.
const CALIBRATION: u32 = 64;
/// Pixels when the deployed file is evaluated: 512 images of 32×32, 10 of 224×224.
const DEPLOYED_PIXELS: u64 = 512 * 1024;
/// Images when the deployed file is compared with the network it was made from.
const COMPARED: u32 = 20;
/// Beyond this, what only evaluates gains next to nothing from smaller batches.
const MOST_EVALUATION_PARTS: u32 = 16;

/// What one attempt takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AtOnce {
    /// Into how many parts training batches are split.
    pub micro_batches: u32,
    /// Of one image.
    pub pixels: u64,
}

impl AtOnce {
    pub fn new(micro_batches: u32, height: usize, width: usize) -> Self {
        Self { micro_batches: micro_batches.max(1), pixels: (height as u64 * width as u64).max(1) }
    }

    /// Into how many parts a training batch of that many images is really split: none has fewer than two images, unless the
    /// batch has.
    pub fn parts(&self, images: u32) -> u32 {
        self.micro_batches.min(most_parts(images))
    }

    /// Images of the largest part of any training batch of up to `batch` images, as the last of an epoch may have fewer.
    pub fn training(&self, batch: u32) -> u32 {
        // Three images make one part, as two parts would leave one image alone.
        batch.div_ceil(self.parts(batch)).max(batch.min(LEAST_PART + 1))
    }

    pub fn validation(&self) -> u32 {
        self.share(u64::from(VALIDATION).min(VALIDATION_PIXELS / self.pixels))
    }

    pub fn calibration(&self) -> u32 {
        self.share(CALIBRATION.into())
    }

    /// Of the deployed file in ONNX Runtime.
    pub fn deployed(&self) -> u32 {
        self.share(DEPLOYED_PIXELS / self.pixels)
    }

    /// Of the network beside its deployed file.
    pub fn compared(&self) -> u32 {
        self.share(COMPARED.into())
    }

    fn share(&self, images: u64) -> u32 {
        (images / u64::from(self.micro_batches)).max(1) as u32
    }
}

fn most_parts(images: u32) -> u32 {
    (images / LEAST_PART).max(1)
}

impl StageKind {
    /// The largest number of micro-batches that saves memory; 1 where batches cannot be split.
    pub fn most_micro_batches(&self) -> u32 {
        let fit = match self {
            Self::Train(train) => &train.fit,
            Self::Distill(distill) => &distill.fit,
            Self::Prune(prune) => &prune.retrain,
            Self::Quantize(quantize) => match (quantize.mode, &quantize.fit) {
                (QuantMode::Qat, Some(fit)) => fit,
                _ => return MOST_EVALUATION_PARTS,
            },
            Self::Evaluate(_) => return MOST_EVALUATION_PARTS,
            // What is measured is the batch that was asked for.
            Self::Measure(_) | Self::Command(_) => return 1,
        };
        most_parts(fit.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_is_a_single_image_and_the_parts_are_as_many_as_asked_for() {
        let cases =
            [(64, 1, 1), (64, 4, 4), (7, 3, 3), (5, 4, 2), (3, 2, 1), (2, 9, 1), (1, 4, 1), (0, 4, 1), (8, 0, 1)];
        for (images, asked, found) in cases {
            assert_eq!(AtOnce::new(asked, 32, 32).parts(images), found, "{images} images in {asked}");
        }
    }

    #[test]
    fn the_largest_part_is_that_of_any_batch_of_an_epoch() {
        for batch in 1..70u32 {
            for micro_batches in 1..40 {
                let at_once = AtOnce::new(micro_batches, 32, 32);
                let largest = (1..=batch).map(|images| images.div_ceil(at_once.parts(images))).max();
                assert_eq!(Some(at_once.training(batch)), largest, "{batch} images in {micro_batches}");
            }
        }
    }

    #[test]
    fn what_else_is_taken_at_once_shrinks_in_proportion_and_never_to_nothing() {
        let all =
            |at_once: AtOnce| [at_once.validation(), at_once.calibration(), at_once.deployed(), at_once.compared()];
        assert_eq!(all(AtOnce::new(1, 32, 32)), [256, 64, 512, 20]);
        assert_eq!(all(AtOnce::new(4, 32, 32)), [64, 16, 128, 5]);
        assert_eq!(all(AtOnce::new(1, 224, 224)), [41, 64, 10, 20]);
        assert_eq!(all(AtOnce::new(1000, 4096, 4096)), [1; 4]);
    }
}
