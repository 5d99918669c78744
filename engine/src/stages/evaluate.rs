//! `evaluate`: an input's deployed file, measured again on this job's data.

use sweep_shared::metrics::Metrics;
use sweep_shared::spec::{EvaluateSpec, MAIN_POINT, Role};

use super::{check_fits_data, publish};
use crate::error::Result;
use crate::job::{Job, memory};

pub fn run(job: &mut Job, _: &EvaluateSpec) -> Result<()> {
    let folder = job.input(Role::Input)?;
    let graph = job.input_model(Role::Input)?.graph;
    check_fits_data(job, &graph)?;
    memory::check(job, &graph, None)?;
    publish::existing_point(job, MAIN_POINT, &folder, Metrics::new())
}
