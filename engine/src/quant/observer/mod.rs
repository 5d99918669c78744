//! Observers: what range a tensor's values take, seen a batch at a time.
//!
//! All are streaming: their size does not depend on how many values they saw. [`Extremes`] keeps the smallest and largest
//! value of all, or a moving average of each batch's; [`Histogram`] keeps counts on a grid that widens by doubling, from
//! which [`clip`] takes a percentile or the clipping of least KL divergence.

mod clip;
mod extremes;
mod histogram;

use sweep_shared::spec;
use tch::{TchError, Tensor};

use crate::checkpoint::{self, State, StateReader, StateWriter};

pub use extremes::Extremes;
pub use histogram::Histogram;

/// Share of values that the percentile observer keeps inside the range, on each side.
pub const PERCENTILE: f64 = 0.9999;
/// Weight of the newest batch in a moving average (PyTorch's `averaging_constant`).
pub const AVERAGING: f32 = 0.01;

/// An observer of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Observer {
    Extremes(Extremes),
    Percentile(Histogram),
    Entropy(Histogram),
}

impl Observer {
    /// One that has seen nothing.
    pub fn new(kind: spec::Observer) -> Observer {
        match kind {
            spec::Observer::MinMax => Observer::Extremes(Extremes::overall()),
            spec::Observer::MovingAverage => Observer::Extremes(Extremes::averaging(AVERAGING)),
            spec::Observer::Percentile => Observer::Percentile(Histogram::new()),
            spec::Observer::Entropy => Observer::Entropy(Histogram::new()),
        }
    }

    /// Sees values of any shape: `share` of a batch's, which is 1 unless the batch is split. A value that is not finite leaves no
    /// usable range, now or later.
    pub fn observe(&mut self, value: &Tensor, share: f64) -> Result<(), TchError> {
        match self {
            Observer::Extremes(extremes) => {
                let value = value.f_detach()?;
                let (min, max) = value.f_aminmax(None, false)?;
                extremes.add(min.f_double_value(&[])? as f32, max.f_double_value(&[])? as f32, share);
            }
            Observer::Percentile(histogram) | Observer::Entropy(histogram) => {
                let flat = value.f_detach()?.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
                let mut values = vec![0f32; flat.numel()];
                flat.f_copy_data(&mut values, flat.numel())?;
                histogram.add(&values);
            }
        }
        Ok(())
    }

    /// The range `(min, max)` that the quantizer should cover, for integers with `steps` steps; `None` before any
    /// value. Not finite, or `None`, after a value that was not finite.
    pub fn range(&self, steps: i32) -> Option<(f32, f32)> {
        match self {
            Observer::Extremes(extremes) => extremes.range(),
            Observer::Percentile(histogram) => clip::percentile(histogram, PERCENTILE),
            Observer::Entropy(histogram) => clip::entropy(histogram, steps as usize + 1),
        }
    }
}

impl State for Observer {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        match self {
            Observer::Extremes(extremes) => extremes.save(writer),
            Observer::Percentile(histogram) | Observer::Entropy(histogram) => histogram.save(writer),
        }
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        match self {
            Observer::Extremes(extremes) => extremes.load(reader),
            Observer::Percentile(histogram) | Observer::Entropy(histogram) => histogram.load(reader),
        }
    }
}
