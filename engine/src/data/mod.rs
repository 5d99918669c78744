//! From files (or from a formula) to normalised batches.
//!
//! A [`Dataset`] holds its three splits as `u8` pixels in NHWC order, whatever it came from: the generated set that ships
//! as code ([`synthetic`]), CIFAR-10's binary files ([`cifar`]), or folders of images ([`folder`]). It is decoded once and
//! then stays as it is; everything random happens later, per batch. A [`Loader`] turns a split into one epoch of
//! [`Batches`]: the order is a function of (seed, epoch) and every augmentation a function of (seed, epoch, image), so a
//! resumed attempt sees exactly the batches that the uninterrupted one would have seen, whatever the threads do. A
//! background thread augments and normalises the next batches while libtorch works on the current one. Because pixels lie
//! in NHWC order, normalising them gives a channels-last tensor, and nothing needs to be transposed.

mod augment;
mod batches;
pub mod cifar;
mod dataset;
mod digest;
mod error;
pub mod folder;
mod load;
mod normalise;
mod order;
pub mod synthetic;
mod watch;

pub use augment::Augment;
pub use batches::{Batch, Batches, Loader};
pub use dataset::{Dataset, Images, Split};
pub use error::DataError;
pub use load::load;
pub use normalise::{Normaliser, Statistics};
pub use order::{carve_validation, shuffled};
pub use watch::Watch;
