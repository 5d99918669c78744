//! Where a fit stands.

use tch::Tensor;

use super::tally::Tally;
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::error::Result;
use crate::lower::Net;
use crate::optim::Optimizer;

/// The best epoch so far, with the net's tensors after it.
pub struct Best {
    /// Counted from 0 within the fit.
    pub epoch: u32,
    /// `None` where there is no validation split: then the last epoch is the best.
    pub val_accuracy: Option<f64>,
    pub tensors: Vec<Tensor>,
}

/// All of a fit that changes, apart from the net and the objective.
pub struct FitState {
    /// Epochs done.
    pub epoch: u32,
    /// Steps done in the next epoch.
    pub step: u64,
    pub optimizer: Optimizer,
    pub tally: Tally,
    pub best: Option<Best>,
    /// Names for `best.tensors`.
    names: Vec<String>,
    device: tch::Device,
}

impl FitState {
    pub fn new(net: &Net, optimizer: Optimizer) -> Result<Self> {
        let tally = Tally::new(net.device())?;
        let (names, device) = (net.names().to_vec(), net.device());
        Ok(Self { epoch: 0, step: 0, optimizer, tally, best: None, names, device })
    }

    /// Takes the net's present weights as the best if they are better than the best so far. Equal is not better: the earlier
    /// epoch wins. Returns whether they were taken.
    pub fn offer(&mut self, net: &Net, val_accuracy: Option<f64>) -> Result<bool> {
        let better = match (&self.best, val_accuracy) {
            (Some(Best { val_accuracy: Some(best), .. }), Some(new)) => new > *best,
            _ => true,
        };
        if better {
            self.best = Some(Best { epoch: self.epoch, val_accuracy, tensors: net.snapshot()? });
        }
        Ok(better)
    }
}

impl State for FitState {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        writer.value("epoch", &self.epoch)?;
        writer.value("step", &self.step)?;
        writer.part("optimizer", &self.optimizer)?;
        writer.part("tally", &self.tally)?;
        writer.bytes("rng", rng_state(self.device)?);
        writer.value("rng_on_cuda", &self.device.is_cuda())?;
        let best = self.best.as_ref().map(|best| (best.epoch, best.val_accuracy));
        writer.value("best", &best)?;
        let Some(best) = &self.best else { return Ok(()) };
        writer.scoped("best", |w| self.names.iter().zip(&best.tensors).try_for_each(|(name, t)| w.tensor(name, t)))
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        self.epoch = reader.value("epoch")?;
        self.step = reader.value("step")?;
        reader.part("optimizer", &mut self.optimizer)?;
        reader.part("tally", &mut self.tally)?;
        let tensors = reader.scope("best");
        self.best = match reader.value::<Option<(u32, Option<f64>)>>("best")? {
            Some((epoch, val_accuracy)) => {
                let tensors = self.names.iter().map(|name| tensors.tensor(name)).collect::<checkpoint::Result<_>>()?;
                Some(Best { epoch, val_accuracy, tensors })
            }
            None => None,
        };
        restore_rng(self.device, reader.value("rng_on_cuda")?, reader.bytes("rng")?)
    }
}

/// A generator of the other device class has another kind of state: there, one that follows from it is begun. (The job has told
/// already that its bits will differ.)
fn restore_rng(device: tch::Device, from_cuda: bool, state: &[u8]) -> checkpoint::Result<()> {
    if device.is_cuda() != from_cuda {
        let mut seed = [0; 8];
        blake3::Hasher::new().update(state).finalize_xof().fill(&mut seed);
        tch::manual_seed(i64::from_le_bytes(seed));
        return Ok(());
    }
    sweep_engine_sys::rng::set_state(device, state).map_err(|e| mismatch(&e))
}

fn rng_state(device: tch::Device) -> checkpoint::Result<Vec<u8>> {
    sweep_engine_sys::rng::state(device).map_err(|e| mismatch(&e))
}

fn mismatch(error: &sweep_engine_sys::Error) -> checkpoint::Error {
    checkpoint::Error::Mismatch { name: "rng".into(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_of_another_device_class_is_no_obstacle_but_a_damaged_one_is() {
        restore_rng(tch::Device::Cpu, true, &[7; 16]).unwrap();
        assert!(restore_rng(tch::Device::Cpu, false, &[7; 16]).is_err());
    }
}
