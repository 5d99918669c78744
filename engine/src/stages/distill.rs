//! `distill`: a small network learns from a trained one.

use sweep_shared::spec::{DistillSpec, Role};

use super::{check_fits_data, fit_and_publish, start, trainable};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::lower::Net;
use crate::train::Distillation;

pub fn run(job: &mut Job, spec: &DistillSpec) -> Result<()> {
    if !(0.0..=1.0).contains(&spec.alpha) || spec.temperature.is_nan() || spec.temperature <= 0.0 {
        return Err(Error::BadInput(format!(
            "alpha must lie in 0..=1 and temperature above 0, not {} and {}",
            spec.alpha, spec.temperature
        )));
    }
    let teacher = job.input_model(Role::Teacher)?;
    check_fits_data(job, &teacher.graph)?;
    // The teacher first, so that what it takes is gone when the student's memory is looked at.
    let teacher = Net::new(&teacher, job.device)?;
    let mut net = trainable(job, &start::model(job, &spec.model)?, &spec.fit, &spec.frozen)?;
    let mut objective = Distillation {
        teacher,
        alpha: spec.alpha,
        temperature: spec.temperature,
        label_smoothing: spec.fit.label_smoothing,
    };
    fit_and_publish(job, &spec.fit, "distill", &mut net, &mut objective)
}
