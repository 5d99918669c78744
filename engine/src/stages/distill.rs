//! `distill`: a small network learns from a trained one.

use sweep_shared::spec::{DistillSpec, Role};

use super::{check_fits_data, check_frozen, fit_and_publish, on_device, start};
use crate::error::{Error, Result};
use crate::job::{Job, memory};
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
    let student = start::model(job, &spec.model)?;
    check_frozen(&student.graph, &spec.frozen)?;
    memory::check(job, &student.graph, Some(&teacher.graph))?;
    let teacher = Net::new(&teacher, job.device)?;
    let mut net = on_device(job, &student, &spec.frozen)?;
    // The networks hold their own copies of the weights.
    drop(student);
    let mut objective = Distillation {
        teacher,
        alpha: spec.alpha,
        temperature: spec.temperature,
        label_smoothing: spec.fit.label_smoothing,
    };
    fit_and_publish(job, &spec.fit, "distill", &mut net, &mut objective)
}
