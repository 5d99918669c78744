//! A job's data set with the ways it is fed to networks.

use std::path::Path;
use std::sync::Arc;

use sweep_shared::spec::{self, DataSpec, Normalization};

use crate::data::{self, Augment, DataError, Dataset, Loader, Normaliser, Split, Statistics, Watch};

/// The data set, its normalisation, and its augmentation.
#[derive(Debug, Clone)]
pub struct PreparedData {
    pub dataset: Dataset,
    pub statistics: Statistics,
    normaliser: Arc<Normaliser>,
    augment: Augment,
}

impl PreparedData {
    pub fn load(spec: &DataSpec, datasets: &Path, watch: Watch) -> Result<Self, DataError> {
        let dataset = data::load(spec, datasets, watch)?;
        let statistics = match spec.normalization {
            Normalization::Dataset => Statistics::of(&dataset.train.images),
            Normalization::Imagenet => Statistics::IMAGENET,
        };
        let augment = Augment {
            flip: spec.augment.contains(&spec::Augment::Flip),
            crop4: spec.augment.contains(&spec::Augment::Crop4),
        };
        Ok(Self { dataset, statistics, normaliser: Arc::new(Normaliser::new(&statistics)), augment })
    }

    /// From pixels to what networks take.
    pub fn normaliser(&self) -> &Arc<Normaliser> {
        &self.normaliser
    }

    /// The training split, shuffled and augmented anew each epoch.
    pub fn training(&self, batch: usize, seed: u64) -> Loader {
        Loader::training(Arc::clone(&self.dataset.train), Arc::clone(&self.normaliser), batch, seed, self.augment)
    }

    /// Any split, in its own order and as it is.
    pub fn evaluation(&self, split: &Arc<Split>, batch: usize) -> Loader {
        Loader::evaluation(Arc::clone(split), Arc::clone(&self.normaliser), batch)
    }
}
