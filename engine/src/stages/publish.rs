//! Publishing a point.

use sweep_model::Model;
use sweep_shared::metrics::Metrics;

use crate::error::Result;
use crate::job::Job;

/// Writes the files of a point, measures the deployed one, and tells the agent. `metrics` are those the stage knows.
pub fn point(job: &mut Job, name: &str, model: &Model, metrics: Metrics) -> Result<()> {
    let folder = job.point_folder(name)?;
    model.save(&folder)?;
    job.publish(name, metrics, vec!["graph.json".into(), "weights.safetensors".into()]);
    Ok(())
}
