//! What a job does, one file per kind.
//!
//! A stage is a sequence of phases, each of which can be continued: it builds its networks, hands them to
//! [`crate::train::Fit`], and publishes a point when a model is done ([`publish::point`] writes the files and measures the
//! deployed one). Which phase a checkpoint belongs to is the stage's own [`crate::checkpoint::State`].

mod distill;
mod evaluate;
mod measure;
mod prune;
pub mod publish;
mod quantize;
mod train;

use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Graph, Model, init};
use sweep_shared::metrics::{Metrics, VAL_ACCURACY};
use sweep_shared::spec::{FitSpec, MAIN_POINT, StageKind};

use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::error::{Error, Result};
use crate::job::{Job, derive, memory};
use crate::lower::Net;
use crate::train::{Fit, Fitted, Objective};

/// Runs the job to its end.
pub fn run(job: &mut Job) -> Result<()> {
    match job.spec().kind.clone() {
        StageKind::Train(spec) => train::run(job, &spec),
        StageKind::Distill(spec) => distill::run(job, &spec),
        StageKind::Prune(spec) => prune::run(job, &spec),
        StageKind::Quantize(spec) => quantize::run(job, &spec),
        StageKind::Evaluate(spec) => evaluate::run(job, &spec),
        StageKind::Measure(spec) => measure::run(job, &spec),
        StageKind::Command(_) => Err(Error::BadInput("the agent runs command stages itself".into())),
    }
}

/// A freshly initialised network of the zoo, for the job's images and classes.
fn fresh_model(job: &Job, name: &str) -> Result<Model> {
    let data = job.data()?;
    let options = ZooOptions::new(data.dataset.input(), data.dataset.classes.len());
    let graph = zoo::build(name, &options).map_err(|e| Error::BadInput(e.to_string()))?;
    Ok(init::model(graph, derive(job.spec().seed, "init", 0)))
}

/// An input network must take the job's images and tell apart its classes.
fn check_fits_data(job: &Job, graph: &Graph) -> Result<()> {
    let data = job.data()?;
    let (input, classes) = (data.dataset.input(), data.dataset.classes.len());
    if graph.input == input && graph.classes == classes {
        return Ok(());
    }
    Err(Error::BadInput(format!(
        "the network {:?} takes {:?} images in {} classes, but the data has {input:?} images in {classes} classes",
        graph.name, graph.input, graph.classes
    )))
}

/// The network on the job's device, if training it should fit into memory.
fn trainable(job: &Job, model: &Model, fit: &FitSpec) -> Result<Net> {
    memory::check(&model.graph, fit, job.device)?;
    Ok(Net::new(model, job.device)?)
}

/// The whole of a stage that trains one network once: fit, then publish the best epoch as the only point.
fn fit_and_publish(
    job: &mut Job,
    fit: &FitSpec,
    phase: &str,
    net: &mut Net,
    objective: &mut dyn Objective,
) -> Result<()> {
    let resumed = job.take_resumed();
    let fit = Fit { spec: fit, phase, first_epoch: 0, job_epochs: fit.epochs, stage: &Stateless };
    let fitted = fit.run(job, net, objective, resumed)?;
    publish::point(job, MAIN_POINT, &net.to_model()?, fit_metrics(&fitted))
}

/// What the choice of the best epoch tells about a point.
fn fit_metrics(fitted: &Fitted) -> Metrics {
    let mut metrics = Metrics::from([("best_epoch".to_owned(), f64::from(fitted.best_epoch))]);
    metrics.extend(fitted.val_accuracy.map(|accuracy| (VAL_ACCURACY.to_owned(), accuracy)));
    metrics
}

/// The stage state of stages with a single phase.
struct Stateless;

impl State for Stateless {
    fn save(&self, _: &mut StateWriter) -> checkpoint::Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &StateReader) -> checkpoint::Result<()> {
        Ok(())
    }
}
