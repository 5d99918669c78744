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
mod start;
mod train;

use sweep_model::{Graph, Model, Role};
use sweep_shared::metrics::{Metrics, PARAMETERS_TRAINABLE, VAL_ACCURACY};
use sweep_shared::spec::{FitSpec, FreezeSpec, MAIN_POINT, StageKind};

use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::error::{Error, Result};
use crate::job::{Job, memory};
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

/// The network on the job's device with its frozen parameters, if the job should fit into memory.
fn trainable(job: &Job, model: &Model, frozen: &FreezeSpec) -> Result<Net> {
    check_frozen(&model.graph, frozen)?;
    memory::check(job, &model.graph, None)?;
    on_device(job, model, frozen)
}

fn on_device(job: &Job, model: &Model, frozen: &FreezeSpec) -> Result<Net> {
    let mut net = Net::new(model, job.device)?;
    net.freeze(|name| frozen.is_frozen(name))?;
    Ok(net)
}

/// Every pattern must name a parameter, and some must be left to train. The plan's check has looked at what was known then.
fn check_frozen(graph: &Graph, frozen: &FreezeSpec) -> Result<()> {
    let parameters: Vec<String> =
        graph.params().filter(|(_, param)| param.role == Role::Parameter).map(|(name, _)| name).collect();
    let idle: Vec<&str> = frozen.idle(&parameters).collect();
    if !idle.is_empty() {
        let last = parameters.last().map_or("none", String::as_str);
        let idle = idle.join(", ");
        return Err(Error::BadInput(format!(
            "{idle}: names no parameter of {:?}, whose last one is {last}",
            graph.name
        )));
    }
    if parameters.iter().all(|name| frozen.is_frozen(name)) {
        return Err(Error::BadInput(format!(
            "all parameters of {:?} are frozen: nothing is left to train",
            graph.name
        )));
    }
    Ok(())
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
    let mut metrics = fit_metrics(&fitted);
    metrics.insert(PARAMETERS_TRAINABLE.into(), net.deployed_parameters() as f64);
    publish::point(job, MAIN_POINT, &net.to_model()?, metrics)
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
