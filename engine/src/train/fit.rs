//! The loop.

use std::time::{Duration, Instant};

use sweep_shared::event::RunnerEvent;
use sweep_shared::metrics::{Metrics, VAL_ACCURACY};
use sweep_shared::spec::{AtOnce, FitSpec};

use super::accumulate::accumulate;
use super::evaluate::{Score, score};
use super::objective::Objective;
use super::pace::Pace;
use super::precision::uses_bf16;
use super::state::FitState;
use super::tally::Tally;
use crate::checkpoint::{State, StateReader};
use crate::data::{Batch, Loader};
use crate::error::{Error, Result};
use crate::job::{Job, Meter, Reading, derive};
use crate::lower::Net;
use crate::optim::{Optimizer, Position, factor};

/// Steps between looks at the loss; each look waits for the device.
const LOOK_EVERY: u64 = 25;
/// Where steps are slow, a look is due after this time.
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// One fit of a job; a job may have several (pruning has one per cycle).
pub struct Fit<'a> {
    pub spec: &'a FitSpec,
    /// What the epochs are called in events: `train`, `retrain`, `qat`.
    pub phase: &'a str,
    /// Epochs of the job before this fit. Also separates this fit's random streams from the others'.
    pub first_epoch: u32,
    /// Epochs of the whole job.
    pub job_epochs: u32,
    /// Saved with each checkpoint under `stage`: how far the stage is, which fit this is.
    pub stage: &'a dyn State,
}

/// What a fit came to; the net holds the best epoch's weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitted {
    /// Counted from 1 within the fit; 0 if there was no epoch.
    pub best_epoch: u32,
    /// `None` without a validation split, or without an epoch.
    pub val_accuracy: Option<f64>,
}

impl Fit<'_> {
    /// Trains `net`, from `resumed` if given, and leaves the best epoch's weights in it. With [`Error::Interrupted`] a
    /// checkpoint has been written. `resumed` is taken, so that its tensors do not stay in memory throughout.
    pub fn run(
        &self,
        job: &mut Job,
        net: &mut Net,
        objective: &mut dyn Objective,
        resumed: Option<StateReader>,
    ) -> Result<Fitted> {
        if self.spec.epochs == 0 {
            return Ok(Fitted { best_epoch: 0, val_accuracy: None });
        }
        let (data, at_once) = (job.data()?, job.at_once()?);
        let training = data.training(self.spec.batch as usize, job.spec().seed);
        let validation = data.evaluation(&data.dataset.validation, at_once.validation() as usize);
        let optimizer = Optimizer::new(&self.spec.optimizer, net.parameters())?;
        let mut state = FitState::new(net, optimizer)?;
        if let Some(reader) = resumed {
            reader.part("net", net)?;
            reader.part("objective", objective)?;
            reader.part("fit", &mut state)?;
        }
        let bf16 = uses_bf16(self.spec.precision, net.device(), net.graph().is_quantized());
        if training.steps() == 0 {
            return Err(Error::BadInput("the training split is too small for one step".into()));
        }
        let mut pace = Pace::new(job.assignment.compute_share, job.device, job.stop.clone());
        while state.epoch < self.spec.epochs {
            let looked = Instant::now();
            let (state, training, pace) = (&mut state, &training, &mut pace);
            Running { fit: self, bf16, job, net, objective, state, training, at_once, pace, looked }
                .epoch(&validation)?;
        }
        finish(net, &state)
    }
}

fn finish(net: &Net, state: &FitState) -> Result<Fitted> {
    match &state.best {
        Some(best) => {
            net.restore(&best.tensors)?;
            Ok(Fitted { best_epoch: best.epoch + 1, val_accuracy: best.val_accuracy })
        }
        None => Ok(Fitted { best_epoch: state.epoch, val_accuracy: None }),
    }
}

/// A fit in progress.
struct Running<'a> {
    fit: &'a Fit<'a>,
    bf16: bool,
    job: &'a mut Job,
    net: &'a mut Net,
    objective: &'a mut dyn Objective,
    state: &'a mut FitState,
    training: &'a Loader,
    at_once: AtOnce,
    pace: &'a mut Pace,
    /// When the loss was last looked at.
    looked: Instant,
}

impl Running<'_> {
    fn epoch(&mut self, validation: &Loader) -> Result<()> {
        let epoch = u64::from(self.fit.first_epoch + self.state.epoch);
        if self.state.step == 0 {
            tch::manual_seed(derive(self.job.spec().seed, "torch", epoch) as i64);
            self.state.tally = Tally::new(self.net.device())?;
        }
        let (started, rested) = (Instant::now(), self.pace.rested());
        let energy = self.job.meter.as_ref().and_then(Meter::read);
        let images_before = self.state.tally.images();
        for batch in self.training.epoch(epoch, self.state.step as usize) {
            if self.job.stop.asked() {
                self.trained(self.busy(started, rested), energy);
                self.save(false)?;
                return Err(Error::Interrupted);
            }
            let batch = batch?;
            let began = Instant::now();
            self.step(&batch)?;
            self.pace.rest(began);
        }
        self.look()?;
        let seconds = self.busy(started, rested);
        self.trained(seconds, energy);
        let images = self.state.tally.images() - images_before;
        self.end_epoch(validation, seconds, images as f64 / seconds)
    }

    /// Seconds since `started` without the rests since, when they amounted to `rested`.
    fn busy(&self, started: Instant, rested: Duration) -> f64 {
        (started.elapsed() + rested).saturating_sub(self.pace.rested()).as_secs_f64()
    }

    /// Counts a stretch of training that began at `energy`.
    fn trained(&mut self, seconds: f64, energy: Option<Reading>) {
        self.job.training_s += seconds;
        let now = self.job.meter.as_ref().and_then(Meter::read);
        self.job.training_energy.add(energy, now);
    }

    fn step(&mut self, batch: &Batch) -> Result<()> {
        let parts = self.at_once.parts(batch.labels.size()[0] as u32);
        self.state.optimizer.zero_grad()?;
        accumulate(self.net, self.objective, batch, parts, self.bf16, &mut self.state.tally)?;
        self.state.optimizer.step(self.factor(self.state.step))?;
        self.objective.after_step(self.net)?;
        self.state.step += 1;
        let due = self.state.step.is_multiple_of(LOOK_EVERY) || self.looked.elapsed() >= LOOK_AFTER;
        if due { self.look() } else { Ok(()) }
    }

    /// The schedule's share of the learning rate at a step of this epoch.
    fn factor(&self, step: u64) -> f64 {
        let steps = self.training.steps() as u64;
        let step = u64::from(self.state.epoch) * steps + step;
        factor(&self.fit.spec.schedule, Position { step, steps_per_epoch: steps, epochs: self.fit.spec.epochs })
    }

    /// Checks that training has not diverged, and tells how far the job is.
    fn look(&mut self) -> Result<()> {
        self.looked = Instant::now();
        let loss = self.state.tally.loss()?;
        let epoch = self.fit.first_epoch + self.state.epoch;
        if !loss.is_finite() {
            return Err(Error::Diverged { epoch: epoch + 1, loss });
        }
        let share = self.state.step as f64 / self.training.steps() as f64;
        let fraction = (f64::from(epoch) + share) / f64::from(self.fit.job_epochs.max(1));
        self.job.events.progress(fraction.min(1.0), &format!("{} loss {loss:.4}", self.fit.phase));
        Ok(())
    }

    fn end_epoch(&mut self, validation: &Loader, seconds: f64, images_per_s: f64) -> Result<()> {
        // The next step would drop them anyway, and what comes now needs the room.
        self.state.optimizer.zero_grad()?;
        // That of the epoch's last step, not of the next epoch's first.
        let lr = self.state.optimizer.learning_rate(self.factor(self.state.step.saturating_sub(1)));
        let score = score(self.net, validation, self.pace)?;
        let counts = self.objective.may_be_best(self.state.epoch);
        let better = counts && self.state.offer(self.net, score.map(|s| s.accuracy))?;
        let metrics = self.metrics(score, [("lr", lr), ("seconds", seconds), ("images_per_s", images_per_s)])?;
        self.state.epoch += 1;
        self.state.step = 0;
        let epoch = self.fit.first_epoch + self.state.epoch;
        tracing::info!(phase = self.fit.phase, epoch, epochs = self.fit.job_epochs, ?metrics, "epoch");
        let (epochs, phase) = (self.fit.job_epochs, self.fit.phase.to_owned());
        self.job.events.emit(&RunnerEvent::Epoch { epoch, epochs, phase, metrics });
        self.save(better)
    }

    fn metrics(&self, score: Option<Score>, more: [(&str, f64); 3]) -> Result<Metrics> {
        let mut metrics: Metrics = more.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        metrics.insert("loss".into(), self.state.tally.loss()?);
        metrics.insert("train_accuracy".into(), self.state.tally.accuracy()?);
        if let Some(score) = score {
            metrics.insert(VAL_ACCURACY.into(), score.accuracy);
            metrics.insert("val_loss".into(), score.loss);
        }
        Ok(metrics)
    }

    fn save(&mut self, best: bool) -> Result<()> {
        // A checkpoint is made beside the tensors.
        sweep_engine_sys::pool::trim();
        let (epoch, step) = (self.fit.first_epoch + self.state.epoch, self.state.step);
        let parts: [(&str, &dyn State); 4] =
            [("stage", self.fit.stage), ("net", &*self.net), ("objective", &*self.objective), ("fit", &*self.state)];
        let saved = self.job.checkpoint(epoch, step, best, &parts);
        // Nor do its copies stay beside the next epoch's.
        sweep_engine_sys::pool::trim();
        saved
    }
}
