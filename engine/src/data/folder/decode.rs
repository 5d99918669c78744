//! From compressed files to equally sized pixels.

use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{self, FilterType};

use super::super::dataset::{CHANNELS, Images, Split};
use super::super::error::DataError;
use super::super::watch::{Count, Watch};
use super::scan::Found;
use super::{Decoded, parallel};

/// Decodes every file of every split.
pub fn all(found: &Found, size: usize, watch: Watch) -> Result<Decoded, DataError> {
    let total = found.train.len() + found.validation.as_ref().map_or(0, Vec::len) + found.test.len();
    let count = Count::new(watch, "decoding images", total);
    Ok(Decoded {
        train: split(&found.train, size, &count)?,
        validation: found.validation.as_deref().map(|files| split(files, size, &count)).transpose()?,
        test: split(&found.test, size, &count)?,
    })
}

/// Each image goes straight to its place: a split may fill more than half of the memory.
fn split(files: &[(PathBuf, u16)], size: usize, count: &Count) -> Result<Split, DataError> {
    let image_bytes = size * size * CHANNELS;
    let mut pixels = vec![0; files.len() * image_bytes];
    parallel::map(files.iter().zip(pixels.chunks_exact_mut(image_bytes)), |((path, _), place)| {
        place.copy_from_slice(&one(path, size as u32)?);
        count.one()
    })?;
    Ok(Split {
        images: Images { height: size, width: size, pixels },
        labels: files.iter().map(|(_, label)| *label).collect(),
    })
}

fn one(path: &Path, size: u32) -> Result<Vec<u8>, DataError> {
    let bytes = std::fs::read(path).map_err(DataError::io(path))?;
    let image = image::load_from_memory(&bytes).map_err(|error| DataError::Corrupt {
        path: path.to_owned(),
        reason: format!("not a readable image: {error}"),
    })?;
    Ok(fit(image.to_rgb8(), size).into_raw())
}

/// Scales the shorter side to `size` (bilinear, antialiased) and keeps the middle.
fn fit(image: RgbImage, size: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    if (width, height) == (size, size) {
        return image;
    }
    let shorter = u64::from(width.min(height).max(1));
    let scaled = |side: u32| ((u64::from(side) * u64::from(size) + shorter / 2) / shorter).max(u64::from(size)) as u32;
    let (width, height) = (scaled(width), scaled(height));
    let resized = imageops::resize(&image, width, height, FilterType::Triangle);
    imageops::crop_imm(&resized, (width - size) / 2, (height - size) / 2, size, size).to_image()
}
