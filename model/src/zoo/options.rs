//! What a network is built for, and why it may not be.

use crate::shape::ShapeError;

use super::names;

/// Anything larger than these is a mistake, and the sizes of what follows from it might not fit into an integer.
const MOST_CHANNELS: usize = 1 << 10;
const MOST_SIDE: usize = 1 << 14;
const MOST_CLASSES: usize = 1 << 20;
const MOST_WIDTH: f64 = 16.0;

/// Every layer of every network has its least number of channels there.
const LEAST_WIDTH: f64 = 0.01;

/// What a network is built for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZooOptions {
    /// One image, `[C, H, W]`.
    pub input: [usize; 3],
    /// Number of logits.
    pub classes: usize,
    /// What each layer's number of channels is multiplied by; 1 is the published network. Products are rounded to multiples
    /// of 8 as torchvision does it, which keeps MobileNetV2's and EfficientNet's published widths.
    pub width: f64,
    /// Whether images that were normalised with ImageNet's mean and deviation are brought to `[-1, 1]` first, as torchvision
    /// does for the published weights of GoogLeNet and Inception v3.
    pub transform_input: bool,
}

impl Default for ZooOptions {
    /// CIFAR-10's `[3, 32, 32]` and ten classes, as published.
    fn default() -> Self {
        Self::new([3, 32, 32], 10)
    }
}

impl ZooOptions {
    /// The network as published, for these images and classes.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        Self { input, classes, width: 1.0, transform_input: false }
    }

    /// `published` times the width, rounded to a multiple of 8, at least 8 and not below nine tenths of the product.
    pub(super) fn channels(&self, published: usize) -> usize {
        if (self.width - 1.0).abs() < f64::EPSILON { published } else { divisible(published as f64 * self.width) }
    }

    pub(super) fn check(&self) -> Result<(), ZooError> {
        let [channels, height, width] = self.input;
        let sides = (1..=MOST_SIDE).contains(&height) && (1..=MOST_SIDE).contains(&width);
        if !sides || !(1..=MOST_CHANNELS).contains(&channels) || !(2..=MOST_CLASSES).contains(&self.classes) {
            return Err(ZooError::Options { input: self.input, classes: self.classes });
        }
        if !(LEAST_WIDTH..=MOST_WIDTH).contains(&self.width) {
            return Err(ZooError::Width(self.width));
        }
        Ok(())
    }
}

/// MobileNet's rounding of channels to multiples of 8 (`_make_divisible`).
pub(super) fn divisible(channels: f64) -> usize {
    let rounded = (((channels + 4.0) / 8.0) as usize * 8).max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}

/// Why a network could not be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ZooError {
    /// No network of that name.
    #[error("there is no network called {0:?}; {near}", near = near(.0))]
    Unknown(String),
    /// Sizes that no network can have.
    #[error(
        "a network needs images of 1×1 to {MOST_SIDE}×{MOST_SIDE} with 1 to {MOST_CHANNELS} channels, and 2 to {MOST_CLASSES} \
         classes, not {input:?} and {classes}"
    )]
    Options {
        /// The image's size that was asked for.
        input: [usize; 3],
        /// The number of classes that was asked for.
        classes: usize,
    },
    /// A width that leaves no channels, or too many.
    #[error("a width of {0} is not between {LEAST_WIDTH} and {MOST_WIDTH}")]
    Width(f64),
    /// Only some networks were published with a transformation of their images.
    #[error(
        "{name} does not transform its input; only googlenet and inception_v3 do, and only for images with three channels"
    )]
    TransformInput {
        /// The network.
        name: &'static str,
    },
    /// The image does not fit the network's strides and windows.
    #[error("{name} cannot be built for images of {input:?}{}", least.map(|s| format!("; it takes {s}×{s} and larger")).unwrap_or_default())]
    Shape {
        /// The network.
        name: &'static str,
        /// The image's size that was asked for.
        input: [usize; 3],
        /// Side of the smallest square image that it can be built for, if the image is too small.
        least: Option<usize>,
        /// Where it does not fit.
        source: Box<ShapeError>,
    },
}

/// Names that may have been meant: those that differ in a third of their letters at most, or go on where `name` ends.
fn near(name: &str) -> String {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let wanted = plain(name);
    let slips = |known: &'static str| {
        let slips = strsim::osa_distance(&wanted, &plain(known));
        let goes_on = wanted.len() >= 3 && plain(known).starts_with(&wanted);
        (goes_on || slips * 3 <= known.len()).then_some((slips, known))
    };
    let mut near: Vec<_> = names().filter_map(slips).collect();
    near.sort_unstable();
    match near.into_iter().take(3).map(|(_, known)| known).collect::<Vec<_>>().as_slice() {
        [] => format!("the zoo has {} others", names().count()),
        near => format!("the nearest are {}", near.join(", ")),
    }
}
