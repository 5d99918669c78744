//! Networks by name.
//!
//! Each entry is a function from the image's size and the number of classes to a [`Graph`]; the table below is all there is
//! to register. Names of nodes are torchvision's where torchvision has the network, so that state dicts interchange. Networks
//! for 32×32 images end in `-cifar`; students and tiny networks have descriptive names. Each family has its file: `plain`
//! chains of convolutions and `resnet`.

mod plain;
mod resnet;

use crate::graph::Graph;
use crate::shape::ShapeError;

/// What a network is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZooOptions {
    /// One image, `[C, H, W]`.
    pub input: [usize; 3],
    /// Number of logits.
    pub classes: usize,
}

impl Default for ZooOptions {
    /// CIFAR-10's: `[3, 32, 32]` and ten classes.
    fn default() -> Self {
        Self { input: [3, 32, 32], classes: 10 }
    }
}

/// One network of the zoo.
pub struct Entry {
    /// As a plan writes it.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    build: fn(&ZooOptions) -> Result<Graph, ShapeError>,
}

/// Why a network could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZooError {
    /// No network of that name.
    #[error("there is no network called {0:?}; there are {list}", list = names().collect::<Vec<_>>().join(", "))]
    Unknown(String),
    /// Sizes that no network can have.
    #[error(
        "a network needs images of at least 1×1 with at least one channel, and at least two classes, not {input:?} and {classes}"
    )]
    Options {
        /// The image's size that was asked for.
        input: [usize; 3],
        /// The number of classes that was asked for.
        classes: usize,
    },
    /// The image is too small for the network's strides and windows.
    #[error("{name} cannot be built for images of {input:?}")]
    Shape {
        /// The network.
        name: &'static str,
        /// The image's size that was asked for.
        input: [usize; 3],
        /// Where it does not fit.
        source: ShapeError,
    },
}

/// All networks, smallest first within a family.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "linear",
        description: "one linear layer on the pixels: the least a network must beat",
        build: plain::linear,
    },
    Entry {
        name: "tiny-cnn",
        description: "7 k parameters with a max-pool and a residual block, for tests",
        build: plain::tiny_cnn,
    },
    Entry {
        name: "small-cnn",
        description: "seven convolutions, 293 k parameters, 11 M MACs at 32×32: trains in minutes on two cores",
        build: plain::small_cnn,
    },
    Entry { name: "kd-conv4", description: "student of four convolutions, 48 k parameters", build: plain::kd_conv4 },
    Entry { name: "kd-conv5", description: "student of five convolutions, 353 k parameters", build: plain::kd_conv5 },
    Entry {
        name: "resnet20-cifar",
        description: "ResNet-20 for 32×32 images (He et al. 2016, projection shortcuts), 272 k parameters",
        build: resnet::resnet20_cifar,
    },
    Entry {
        name: "resnet18-cifar",
        description: "ResNet-18 with a 3×3 stem and no max-pool, for 32×32 images, 11.2 M parameters; torchvision's names",
        build: resnet::resnet18_cifar,
    },
];

/// Names of all networks.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

/// The network of that name for these images and classes.
pub fn build(name: &str, options: &ZooOptions) -> Result<Graph, ZooError> {
    let ZooOptions { input, classes } = *options;
    let entry = ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| ZooError::Unknown(name.into()))?;
    if input.contains(&0) || classes < 2 {
        return Err(ZooError::Options { input, classes });
    }
    (entry.build)(options).map_err(|source| ZooError::Shape { name: entry.name, input, source })
}

#[cfg(test)]
mod tests;
