//! What a fit minimises.

use tch::{Reduction, Tensor};

use super::Masks;
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::data::Batch;
use crate::error::Result;
use crate::lower::Net;

/// One batch's result.
pub struct Outcome {
    /// A scalar, to be differentiated.
    pub loss: Tensor,
    /// `[N, classes]`.
    pub logits: Tensor,
}

/// What differs between the stages that train. Its state is saved with every checkpoint.
pub trait Objective: State {
    /// Runs the net on a batch (already on the net's device) in training mode.
    fn outcome(&mut self, net: &Net, batch: &Batch) -> Result<Outcome>;

    /// After each optimizer step.
    fn after_step(&mut self, _net: &Net) -> Result<()> {
        Ok(())
    }

    /// Whether the weights after `epoch` may be chosen as the best: not while quantizers are still moving.
    fn may_be_best(&self, _epoch: u32) -> bool {
        true
    }
}

/// Cross-entropy of logits `[N, classes]` with labels `[N]`, the mean over the batch.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, label_smoothing: f64) -> Result<Tensor> {
    const NO_LABEL: i64 = -100;
    Ok(logits.f_cross_entropy_loss(labels, None::<Tensor>, Reduction::Mean, NO_LABEL, label_smoothing)?)
}

/// Plain supervised training, with the zeros of unstructured pruning held if there are any.
pub struct CrossEntropy {
    /// In 0..1.
    pub label_smoothing: f64,
    pub masks: Masks,
}

impl Objective for CrossEntropy {
    fn outcome(&mut self, net: &Net, batch: &Batch) -> Result<Outcome> {
        let (loss, logits) =
            net.training_loss(&batch.images, |logits| cross_entropy(logits, &batch.labels, self.label_smoothing))?;
        Ok(Outcome { loss, logits })
    }

    fn after_step(&mut self, net: &Net) -> Result<()> {
        self.masks.apply(net)
    }
}

impl State for CrossEntropy {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        writer.part("masks", &self.masks)
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        reader.part("masks", &mut self.masks)
    }
}
