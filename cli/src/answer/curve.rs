//! What a job told at the ends of its epochs.

use sweep_shared::metrics::Metrics;
use sweep_shared::wire::{self, v1};

use super::malformed;
use crate::exit::{Failure, Outcome};

/// The end of one epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochEnd {
    pub epoch: u32,
    pub phase: String,
    pub metrics: Metrics,
}

impl TryFrom<v1::CurvePoint> for EpochEnd {
    type Error = Failure;

    fn try_from(p: v1::CurvePoint) -> Outcome<Self> {
        let metrics: Option<Metrics> = wire::from_json("metrics", &p.metrics_json).map_err(malformed)?;
        Ok(Self { epoch: p.epoch, phase: p.phase, metrics: metrics.unwrap_or_default() })
    }
}
