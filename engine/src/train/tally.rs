//! Sums over the batches of an epoch, kept on the device so that steps need not wait for it.

use tch::{Device, Kind, Tensor};

use super::Outcome;
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::error::Result;

pub struct Tally {
    /// Σ loss·N, f64.
    loss: Tensor,
    /// Number of images whose largest logit is the label's, int64.
    correct: Tensor,
    images: i64,
}

impl Tally {
    pub fn new(device: Device) -> Result<Self> {
        let zero = |kind| Tensor::f_zeros([] as [i64; 0], (kind, device));
        Ok(Self { loss: zero(Kind::Double)?, correct: zero(Kind::Int64)?, images: 0 })
    }

    pub fn add(&mut self, outcome: &Outcome, labels: &Tensor) -> Result<()> {
        let n = labels.size()[0];
        tch::no_grad(|| {
            let _ = self.loss.f_add_(&outcome.loss.f_detach()?.f_to_kind(Kind::Double)?.f_mul_scalar(n as f64)?)?;
            let hits = outcome.logits.f_detach()?.f_argmax(-1, false)?.f_eq_tensor(labels)?;
            let _ = self.correct.f_add_(&hits.f_sum(Kind::Int64)?)?;
            self.images += n;
            Ok(())
        })
    }

    /// The mean loss so far; waits for the device.
    pub fn loss(&self) -> Result<f64> {
        Ok(self.loss.f_double_value(&[])? / self.images.max(1) as f64)
    }

    /// How many images were added.
    pub fn images(&self) -> i64 {
        self.images
    }

    /// In 0..=1.
    pub fn accuracy(&self) -> Result<f64> {
        Ok(self.correct.f_int64_value(&[])? as f64 / self.images.max(1) as f64)
    }
}

impl State for Tally {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        writer.tensor("loss", &self.loss)?;
        writer.tensor("correct", &self.correct)?;
        writer.value("images", &self.images)
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        reader.tensor_into("loss", &mut self.loss)?;
        reader.tensor_into("correct", &mut self.correct)?;
        self.images = reader.value("images")?;
        Ok(())
    }
}
