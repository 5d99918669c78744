//! How fast devices compute.

use sweep_coordinator::predict::Networks;
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::{DataSource, StageKind};

use super::work::trained_epoch;
use crate::answer::Pace;

/// Multiply–accumulates per second of one core in training, and of one thread of ONNX Runtime in inference; of a GPU in training.
/// Rules of thumb for what small convolutional networks reach, far below what is on the box; see docs/estimates.md.
const CORE: f64 = 15e9;
const THREAD: f64 = 40e9;
const GPU: f64 = 1e12;
/// Within this factor, either way, lies what was tried.
pub const RULE_WIDTH: f64 = 4.0;
/// Networks use a device unequally well: within this factor of each other's.
pub const OTHERS_WIDTH: f64 = 2.0;
/// Starting a runner, reading the images, writing the files.
pub const START_S: f64 = 3.0;

/// What other networks reached on a class of device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Multiply–accumulates per second: the slowest, the median, the fastest.
    pub rate: [f64; 3],
    /// Kinds of jobs that tell of it.
    pub jobs: usize,
    /// What such jobs took beside their epochs; the median.
    pub rest_s: f64,
}

/// From training jobs whose networks the zoo has and whose images are counted.
pub fn measured(paces: &[Pace], device: DeviceClass) -> Option<Measured> {
    let networks = Networks::new(Vec::new());
    let mut told: Vec<(f64, f64)> = paces
        .iter()
        .filter(|pace| pace.device == device)
        .filter_map(|pace| Some((macs_per_epoch(pace, &networks)? / pace.epoch_s?[1], pace.rest_s)))
        .collect();
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (slowest, fastest) = (told.first()?.0, told.last()?.0);
    let median = told[told.len() / 2].0;
    let mut rests: Vec<f64> = told.iter().map(|(_, rest)| *rest).collect();
    rests.sort_by(f64::total_cmp);
    Some(Measured { rate: [slowest, median, fastest], jobs: told.len(), rest_s: rests[rests.len() / 2] })
}

fn macs_per_epoch(pace: &Pace, networks: &Networks) -> Option<f64> {
    let spec = pace.spec.as_ref()?;
    let data = spec.data.as_ref()?;
    let StageKind::Train(train) = &spec.kind else { return None };
    // With most of it frozen, the backward pass is cut short.
    if train.frozen != Default::default() {
        return None;
    }
    let size = match &data.source {
        DataSource::Synthetic(_) | DataSource::Cifar10 { .. } => 32,
        DataSource::Folder { size, .. } => *size,
    };
    let macs = networks.get(train.model.as_ref()?, size).ok()?.cost.macs;
    trained_epoch(data, macs as f64)
}

/// The rule of thumb for training.
pub fn rule(device: DeviceClass, cores: usize) -> f64 {
    match device {
        DeviceClass::Cpu => CORE * cores as f64,
        DeviceClass::Cuda => GPU,
    }
}

/// The rule of thumb for the deployed file in ONNX Runtime.
pub fn inference(threads: u32) -> f64 {
    THREAD * f64::from(threads.max(1))
}
