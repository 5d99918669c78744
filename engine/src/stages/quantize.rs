//! `quantize`: from a float network to an int8 file, after training or with it.

use std::time::Instant;

use sweep_model::Model;
use sweep_model::passes::prune::zeros;
use sweep_model::passes::quantize::insert;
use sweep_shared::metrics::Metrics;
use sweep_shared::spec::{AtOnce, FitSpec, FreezeSpec, MAIN_POINT, QuantMode, QuantizeSpec, Role};

use super::{check_fits_data, fit_metrics, publish, trainable};
use crate::data::Loader;
use crate::error::{Error, Result};
use crate::job::{Job, memory};
use crate::lower::Net;
use crate::quant::{self, Qat};
use crate::train::{Fit, Masks};

pub fn run(job: &mut Job, spec: &QuantizeSpec) -> Result<()> {
    let model = job.input_model(Role::Input)?;
    check_fits_data(job, &model.graph)?;
    if model.graph.is_quantized() {
        return Err(Error::BadInput(format!("the network {:?} is quantized already", model.graph.name)));
    }
    match (spec.mode, &spec.fit) {
        (QuantMode::Static, _) => static_(job, spec, &model),
        (QuantMode::Qat, Some(fit)) => qat(job, spec, fit, &model),
        (QuantMode::Qat, None) => Err(Error::BadInput("quantization-aware training needs `fit`".into())),
    }
}

fn static_(job: &mut Job, spec: &QuantizeSpec, model: &Model) -> Result<()> {
    memory::check(job, &model.graph, None)?;
    let images = calibration_images(job, spec)?;
    let started = Instant::now();
    let profile = quant::profile(spec.target);
    let quantized = quant::post_training(model, profile, spec.observer, &images.loader, images.share, job.device)?;
    job.preparation_s += started.elapsed().as_secs_f64();
    publish::point(job, MAIN_POINT, &quantized, Metrics::new())
}

/// Calibrates the network with its batch norm still there, and trains it with quantizers.
fn qat(job: &mut Job, spec: &QuantizeSpec, fit: &FitSpec, model: &Model) -> Result<()> {
    let inserted = insert(model, quant::profile(spec.target)).map_err(Error::stage("inserting quantizers"))?;
    let mut net = trainable(job, &inserted, &FreezeSpec::default())?;
    let resumed = job.take_resumed();
    let observers = match &resumed {
        // The checkpoint holds the ranges; calibrating again would only cost time.
        Some(_) => quant::Observers::new(&inserted.graph, spec.observer),
        None => calibrate(job, spec, &net)?,
    };
    let steps = job.data()?.training(fit.batch as usize, job.spec().seed).steps();
    let masks = Masks::new(&zeros(model), job.device)?;
    let mut objective = Qat::new(observers, masks, fit, steps);
    let stage = super::Stateless;
    let fit = Fit { spec: fit, phase: "qat", first_epoch: 0, job_epochs: fit.epochs, stage: &stage };
    let fitted = fit.run(job, &mut net, &mut objective, resumed)?;
    let trained = quant::with_fitted_weights(net.to_model()?)?;
    publish::point(job, MAIN_POINT, &trained, fit_metrics(&fitted))
}

fn calibrate(job: &mut Job, spec: &QuantizeSpec, net: &Net) -> Result<quant::Observers> {
    let images = calibration_images(job, spec)?;
    let started = Instant::now();
    let observers = quant::calibrate(net, &images.loader, images.share, spec.observer)?;
    observers.store(net)?;
    job.preparation_s += started.elapsed().as_secs_f64();
    Ok(observers)
}

struct CalibrationImages {
    loader: Loader,
    /// What a batch of the loader is of a calibration batch.
    share: f64,
}

fn calibration_images(job: &Job, spec: &QuantizeSpec) -> Result<CalibrationImages> {
    let data = job.data()?;
    let split = quant::calibration_split(&data.dataset.train, spec.calibration_images as usize);
    let at_once = job.at_once()?;
    let (images, usual) = (at_once.calibration(), AtOnce { micro_batches: 1, ..at_once }.calibration());
    let loader = data.evaluation(&std::sync::Arc::new(split), images as usize);
    Ok(CalibrationImages { loader, share: f64::from(images) / f64::from(usual) })
}
