//! A data set in memory.

use std::sync::Arc;

/// Colour channels of every image: RGB.
pub const CHANNELS: usize = 3;

/// Equally sized RGB images, `u8`, NHWC: pixel (n, y, x, c) lies at `((n·H + y)·W + x)·3 + c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// H, in pixels.
    pub height: usize,
    /// W, in pixels.
    pub width: usize,
    /// `count · H · W · 3` bytes.
    pub pixels: Vec<u8>,
}

impl Images {
    /// Bytes of one image.
    pub fn image_bytes(&self) -> usize {
        self.height * self.width * CHANNELS
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.pixels.len().checked_div(self.image_bytes()).unwrap_or(0)
    }

    /// The bytes of image `index`, H·W·3 of them.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.image_bytes();
        &self.pixels[index * size..(index + 1) * size]
    }

    fn select(&self, indices: &[u32]) -> Images {
        let mut pixels = Vec::with_capacity(indices.len() * self.image_bytes());
        for &index in indices {
            pixels.extend_from_slice(self.image(index as usize));
        }
        Images { pixels, ..*self }
    }
}

/// Images with one label each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub images: Images,
    /// Index into [`Dataset::classes`], one per image.
    pub labels: Vec<u16>,
}

impl Split {
    /// How many labelled images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether the split holds nothing.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images at `indices`, in that order. Every index must be below [`Split::len`].
    pub fn select(&self, indices: &[u32]) -> Split {
        Split {
            images: self.images.select(indices),
            labels: indices.iter().map(|&index| self.labels[index as usize]).collect(),
        }
    }

    /// Takes the images at `indices`, which ascend, out of this split, whose others close ranks in their order. No second copy of
    /// the whole is made: it may fill more than half of the memory.
    pub fn take_out(&mut self, indices: &[u32]) -> Split {
        let taken = self.select(indices);
        let (size, count) = (self.images.image_bytes(), self.len());
        let mut leaving = indices.iter().peekable();
        let mut kept = 0;
        for from in 0..count {
            if leaving.next_if(|&&index| index as usize == from).is_some() {
                continue;
            }
            self.images.pixels.copy_within(from * size..(from + 1) * size, kept * size);
            self.labels[kept] = self.labels[from];
            kept += 1;
        }
        self.images.pixels.truncate(kept * size);
        self.labels.truncate(kept);
        taken
    }
}

/// A data set with its three splits. The splits are shared with the threads that prepare batches.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub name: String,
    /// Class names, in label order.
    pub classes: Vec<String>,
    pub train: Arc<Split>,
    /// Chooses the best epoch; carved from the training split where the source has none.
    pub validation: Arc<Split>,
    /// Never used to choose or to fit anything.
    pub test: Arc<Split>,
    /// BLAKE3 (hex) of what determines the contents: a sorted manifest of files, or generator version and parameters.
    pub digest: String,
}

impl Dataset {
    /// `[C, H, W]` of every image.
    pub fn input(&self) -> [usize; 3] {
        [CHANNELS, self.train.images.height, self.train.images.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_and_what_stays_are_the_two_halves() {
        let pixels = (0..6u8).flat_map(|index| [index; 12]).collect();
        let whole = Split { images: Images { height: 2, width: 2, pixels }, labels: (0..6).collect() };
        for indices in [&[1u32, 2, 5][..], &[0, 5], &[], &[0, 1, 2, 3, 4, 5]] {
            let mut kept = whole.clone();
            let others: Vec<u32> = (0..6).filter(|index| !indices.contains(index)).collect();
            assert_eq!(kept.take_out(indices), whole.select(indices));
            assert_eq!(kept, whole.select(&others));
        }
    }
}
