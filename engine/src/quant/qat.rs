//! Quantization-aware training as a state machine over steps.

use sweep_shared::spec::FitSpec;

use super::observers::{Live, Observers};
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::data::Batch;
use crate::error::Result;
use crate::lower::{Mode, Net, NoHook, WeightScales};
use crate::train::{Masks, Objective, Outcome, cross_entropy};

/// What still moves, beside the weights. Phases follow each other in this order (Krishnamoorthi 2018 and PyTorch's
/// QAT recipe): ranges must settle before batch norm stops, and the network must learn to live with both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Activation ranges follow moving averages; batch norm learns its statistics.
    LiveObservers,
    /// Ranges are fixed; batch norm goes on.
    FrozenRanges,
    /// Nothing but weights: from here on the forward pass is exactly that of the folded network.
    FrozenStatistics,
}

impl Phase {
    /// The phase of step `step` (from 0) of `total`: the first half observes, statistics freeze for the last quarter.
    pub fn at(step: u64, total: u64) -> Phase {
        if 2 * step < total {
            Phase::LiveObservers
        } else if 4 * step < 3 * total {
            Phase::FrozenRanges
        } else {
            Phase::FrozenStatistics
        }
    }
}

/// Cross-entropy of the fake-quantized network. Batch norm is still there; the lowering computes each convolution with
/// the weights as they will be folded.
pub struct Qat {
    observers: Observers,
    masks: Masks,
    label_smoothing: f64,
    /// Steps done.
    step: u64,
    steps_per_epoch: u64,
    total: u64,
}

impl Qat {
    /// `observers` come from calibration; `masks` hold the zeros of a pruned network.
    pub fn new(observers: Observers, masks: Masks, fit: &FitSpec, steps_per_epoch: usize) -> Qat {
        let steps_per_epoch = steps_per_epoch as u64;
        Qat {
            observers: observers.into_moving_averages(),
            masks,
            label_smoothing: fit.label_smoothing,
            step: 0,
            steps_per_epoch,
            total: steps_per_epoch * u64::from(fit.epochs),
        }
    }

    fn phase(&self) -> Phase {
        Phase::at(self.step, self.total)
    }
}

impl Objective for Qat {
    fn outcome(&mut self, net: &Net, batch: &Batch) -> Result<Outcome> {
        let phase = self.phase();
        net.set_weight_scales(WeightScales::Live);
        net.freeze_batch_norm(phase == Phase::FrozenStatistics);
        let logits = match phase {
            Phase::LiveObservers => {
                let mut live = Live { observers: &mut self.observers, share: net.share() };
                net.forward_with(&batch.images, Mode::Train, &mut live)?
            }
            _ => net.forward_with(&batch.images, Mode::Train, &mut NoHook)?,
        };
        let loss = cross_entropy(&logits, &batch.labels, self.label_smoothing)?;
        Ok(Outcome { loss, logits })
    }

    fn after_step(&mut self, net: &Net) -> Result<()> {
        self.step += 1;
        self.masks.apply(net)
    }

    /// Only epochs that end with fixed ranges: before, the quantizers do not yet fit the weights. The last one always may.
    fn may_be_best(&self, epoch: u32) -> bool {
        let done = self.steps_per_epoch * u64::from(epoch + 1);
        done >= self.total || Phase::at(done, self.total) > Phase::LiveObservers
    }
}

impl State for Qat {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        writer.value("step", &self.step)?;
        writer.part("observers", &self.observers)?;
        writer.part("masks", &self.masks)
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        self.step = reader.value("step")?;
        reader.part("observers", &mut self.observers)?;
        reader.part("masks", &mut self.masks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other_and_the_last_is_reached_even_in_short_runs() {
        let phases = |total: u64| (0..total).map(|step| Phase::at(step, total)).collect::<Vec<_>>();
        use Phase::{FrozenRanges, FrozenStatistics, LiveObservers};
        assert_eq!(phases(4), [LiveObservers, LiveObservers, FrozenRanges, FrozenStatistics]);
        assert_eq!(phases(1), [LiveObservers]);
        for total in 4..100 {
            let phases = phases(total);
            assert!(phases.is_sorted());
            assert_eq!(phases.last(), Some(&FrozenStatistics), "of {total} steps");
        }
    }
}
