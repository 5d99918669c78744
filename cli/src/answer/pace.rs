//! How long work has taken.

use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::JobSpec;
use sweep_shared::wire::{self, v1};

use super::malformed;
use crate::exit::{Failure, Outcome};

/// What jobs took that are alike, on one class of device.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    pub likeness: String,
    pub device: DeviceClass,
    pub attempts: u32,
    /// From start to end, in seconds: the least, the median, the most.
    pub run_s: [f64; 3],
    /// The same of an epoch's training; `None` where there are no epochs.
    pub epoch_s: Option<[f64; 3]>,
    /// Of the run in the middle: how many epochs it had, and what it took beside them.
    pub epochs: u32,
    pub rest_s: f64,
    /// One of these jobs; `None` where it is of another version.
    pub spec: Option<JobSpec>,
}

impl TryFrom<v1::Pace> for Pace {
    type Error = Failure;

    fn try_from(p: v1::Pace) -> Outcome<Self> {
        let epoch_s = [p.least_epoch_s, p.epoch_s, p.most_epoch_s];
        Ok(Self {
            likeness: p.likeness,
            device: wire::device_class(&p.device).map_err(malformed)?,
            attempts: p.attempts,
            run_s: [p.least_run_s, p.run_s, p.most_run_s],
            epoch_s: (p.told_epochs > 0 && p.epoch_s > 0.0).then_some(epoch_s),
            epochs: p.told_epochs,
            rest_s: p.rest_s,
            spec: serde_json::from_str(&p.spec_json).ok(),
        })
    }
}
