//! Per-channel normalisation: pixel → (pixel/255 − mean) / std.

use super::dataset::{CHANNELS, Images};

/// Mean and standard deviation per RGB channel, of pixels scaled to 0…1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Statistics {
    pub mean: [f32; CHANNELS],
    pub std: [f32; CHANNELS],
}

impl Statistics {
    /// The statistics of ImageNet's training split that torchvision's pretrained networks expect.
    pub const IMAGENET: Statistics = Statistics { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// The statistics of `images`. Sums are whole numbers, so the result does not depend on the order of summation. A
    /// constant channel gets a standard deviation of 1/255, so that normalising never divides by zero.
    pub fn of(images: &Images) -> Statistics {
        let (mut sums, mut squares) = ([0u64; CHANNELS], [0u64; CHANNELS]);
        for pixel in images.pixels.chunks_exact(CHANNELS) {
            for channel in 0..CHANNELS {
                let value = u64::from(pixel[channel]);
                sums[channel] += value;
                squares[channel] += value * value;
            }
        }
        let count = (images.pixels.len() / CHANNELS).max(1) as f64;
        let mean = sums.map(|sum| sum as f64 / count);
        let std = std::array::from_fn(|channel| {
            let variance = squares[channel] as f64 / count - mean[channel] * mean[channel];
            (variance.max(0.0).sqrt().max(1.0) / 255.0) as f32
        });
        Statistics { mean: mean.map(|mean| (mean / 255.0) as f32), std }
    }
}

/// The normalised value of each of a channel's 256 pixel values.
#[derive(Debug, Clone)]
pub struct Normaliser {
    table: [[f32; 256]; CHANNELS],
}

impl Normaliser {
    pub fn new(statistics: &Statistics) -> Normaliser {
        let value =
            |channel: usize, pixel: usize| (pixel as f32 / 255.0 - statistics.mean[channel]) / statistics.std[channel];
        Normaliser { table: std::array::from_fn(|channel| std::array::from_fn(|pixel| value(channel, pixel))) }
    }

    /// The normalised value of `pixel` in `channel`.
    pub fn value(&self, channel: usize, pixel: u8) -> f32 {
        self.table[channel][usize::from(pixel)]
    }

    /// Normalises `pixels` (whole RGB pixels) into `out`, which has the same length.
    pub fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        let [red, green, blue] = &self.table;
        for (pixel, out) in pixels.chunks_exact(CHANNELS).zip(out.chunks_exact_mut(CHANNELS)) {
            out[0] = red[usize::from(pixel[0])];
            out[1] = green[usize::from(pixel[1])];
            out[2] = blue[usize::from(pixel[2])];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_match_values_computed_by_hand() {
        let images = Images { height: 1, width: 2, pixels: vec![0, 10, 255, 255, 20, 255] };
        let statistics = Statistics::of(&images);
        assert_eq!(statistics.mean, [0.5, 15.0 / 255.0, 1.0]);
        assert_eq!(statistics.std, [0.5, 5.0 / 255.0, 1.0 / 255.0]);
    }

    #[test]
    fn normalised_pixels_have_mean_zero_and_deviation_one() {
        let images = Images { height: 1, width: 2, pixels: vec![0, 10, 7, 255, 20, 9] };
        let mut out = [0.0; 6];
        Normaliser::new(&Statistics::of(&images)).apply(&images.pixels, &mut out);
        for (value, expected) in out.iter().zip([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]) {
            assert!((value - expected).abs() < 1e-5, "{out:?}");
        }
    }
}
