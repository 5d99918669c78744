//! A network's quality inside libtorch, for choosing epochs. (What is reported comes from the deployed file.)

use std::time::Instant;

use super::Outcome;
use super::objective::cross_entropy;
use super::pace::Pace;
use super::tally::Tally;
use crate::data::Loader;
use crate::error::Result;
use crate::lower::{Mode, Net};

/// Mean loss, and the share of images classified correctly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    pub loss: f64,
    pub accuracy: f64,
}

/// Runs the net over a loader in evaluation mode, with rests; `None` if there are no images.
pub fn score(net: &Net, loader: &Loader, pace: &mut Pace) -> Result<Option<Score>> {
    if loader.images() == 0 {
        return Ok(None);
    }
    let mut tally = Tally::new(net.device())?;
    for batch in loader.epoch(0, 0) {
        let (batch, started) = (batch?, Instant::now());
        let labels = batch.labels.f_to_device(net.device())?;
        let logits = tch::no_grad(|| net.forward(&batch.images, Mode::Eval))?;
        let loss = cross_entropy(&logits, &labels, 0.0)?;
        tally.add(&Outcome { loss, logits }, &labels)?;
        pace.rest(started);
    }
    Ok(Some(Score { loss: tally.loss()?, accuracy: tally.accuracy()? }))
}
