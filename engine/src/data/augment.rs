//! Augmentation of training images, on `u8` pixels, fused with normalisation into one pass.

use super::dataset::CHANNELS;
use super::normalise::Normaliser;

/// Pixels of black border that `crop4` adds on each side before it crops back to the original size.
const PAD: usize = 4;

/// Which augmentations a job uses; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Augment {
    /// Mirror left to right, with probability ½.
    pub flip: bool,
    /// Pad by four black pixels, crop back at a random place: shifts of −4…4 in both directions.
    pub crop4: bool,
}

/// One image's drawn augmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transform {
    mirror: bool,
    /// Rows and columns by which the window lies below and to the right of the padded image's corner, 0…8; 4 is centred.
    top: usize,
    left: usize,
}

impl Augment {
    /// What the 64 random `bits` of an image say.
    pub fn draw(self, bits: u64) -> Transform {
        let offset = |bits: u64| (((bits & 0xffff_ffff) * (2 * PAD as u64 + 1)) >> 32) as usize;
        let (top, left) = if self.crop4 { (offset(bits), offset(bits.rotate_left(24))) } else { (PAD, PAD) };
        Transform { mirror: self.flip && bits >> 63 == 1, top, left }
    }
}

impl Transform {
    /// Leaves an image as it is.
    pub const IDENTITY: Transform = Transform { mirror: false, top: PAD, left: PAD };

    /// Writes the augmented, normalised image into `out` (`height`·`width`·3 values, HWC, as `pixels`).
    pub fn apply(self, pixels: &[u8], width: usize, normaliser: &Normaliser, out: &mut [f32]) {
        if self == Transform::IDENTITY {
            return normaliser.apply(pixels, out);
        }
        let row = width * CHANNELS;
        let height = pixels.len() / row;
        for (y, out_row) in out.chunks_exact_mut(row).enumerate() {
            match (y + self.top).checked_sub(PAD).filter(|&source| source < height) {
                Some(source) => self.write_row(&pixels[source * row..(source + 1) * row], normaliser, out_row),
                None => fill_black(normaliser, out_row),
            }
        }
        if self.mirror {
            out.chunks_exact_mut(row).for_each(mirror_row);
        }
    }

    /// Shifts one row to the left by `left − PAD` pixels, filling what comes in with black.
    fn write_row(self, source: &[u8], normaliser: &Normaliser, out: &mut [f32]) {
        let shift = self.left.abs_diff(PAD) * CHANNELS;
        let kept = out.len().saturating_sub(shift);
        if self.left >= PAD {
            normaliser.apply(&source[source.len() - kept..], &mut out[..kept]);
            fill_black(normaliser, &mut out[kept..]);
        } else {
            let border = out.len() - kept;
            normaliser.apply(&source[..kept], &mut out[border..]);
            fill_black(normaliser, &mut out[..border]);
        }
    }
}

fn fill_black(normaliser: &Normaliser, out: &mut [f32]) {
    let black: [f32; CHANNELS] = std::array::from_fn(|channel| normaliser.value(channel, 0));
    for pixel in out.chunks_exact_mut(CHANNELS) {
        pixel.copy_from_slice(&black);
    }
}

fn mirror_row(row: &mut [f32]) {
    let width = row.len() / CHANNELS;
    for x in 0..width / 2 {
        for channel in 0..CHANNELS {
            row.swap(x * CHANNELS + channel, (width - 1 - x) * CHANNELS + channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::normalise::Statistics;
    use super::*;

    /// A normaliser under which a pixel's value is the pixel itself.
    fn plain() -> Normaliser {
        Normaliser::new(&Statistics { mean: [0.0; 3], std: [1.0 / 255.0; 3] })
    }

    /// Applies `transform` to a 6×6 image whose pixel (y, x) is 1 + 6y + x in every channel; channel 0 comes back.
    fn transformed(transform: Transform) -> Vec<i32> {
        let pixels: Vec<u8> = (1..=36).flat_map(|value| [value; CHANNELS]).collect();
        let mut out = vec![f32::NAN; pixels.len()];
        transform.apply(&pixels, 6, &plain(), &mut out);
        out.chunks_exact(CHANNELS).map(|pixel| pixel[0].round() as i32).collect()
    }

    #[test]
    fn shifting_moves_rows_and_columns_and_fills_with_black() {
        let out = transformed(Transform { mirror: false, top: 5, left: 2 });
        let expected = (0..36).map(|at| {
            let (y, x) = (at / 6 + 1, at % 6 - 2);
            if y < 6 && x >= 0 { 1 + 6 * y + x } else { 0 }
        });
        assert_eq!(out, expected.collect::<Vec<i32>>());
    }

    #[test]
    fn mirroring_comes_after_the_crop() {
        let shifted = transformed(Transform { mirror: false, top: 4, left: 7 });
        let mirrored = transformed(Transform { mirror: true, top: 4, left: 7 });
        for y in 0..6 {
            let mut row = shifted[6 * y..6 * y + 6].to_vec();
            row.reverse();
            assert_eq!(row, mirrored[6 * y..6 * y + 6]);
        }
    }

    #[test]
    fn without_augmentation_nothing_is_drawn() {
        for bits in [0, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(Augment::default().draw(bits), Transform::IDENTITY);
        }
    }

    #[test]
    fn every_shift_and_both_mirrors_occur() {
        let augment = Augment { flip: true, crop4: true };
        let drawn: std::collections::HashSet<(bool, usize, usize)> = (0..4000)
            .map(|image| augment.draw(super::super::order::keyed_bits(1, 2, image)))
            .map(|transform| (transform.mirror, transform.top, transform.left))
            .collect();
        assert_eq!(drawn.len(), 2 * 9 * 9);
    }
}
