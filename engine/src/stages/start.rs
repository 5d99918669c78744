//! The network that a stage begins with: drawn anew, read from files, or an input's.

use std::fs;
use std::path::{Path, PathBuf};

use sweep_model::passes::classes;
use sweep_model::state_dict::{self, LoadOptions};
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Model, init, onnx};
use sweep_shared::spec::{Init, MODEL_FILES, ModelSource, ModelSpec, PlanFile, WEIGHTS_FOLDER, WeightsSpec};

use super::check_fits_data;
use crate::error::{Error, Result};
use crate::job::{Job, derive};

/// The network of a plan, for the job's images and classes. Layers whose weights cannot come from a file, because it tells
/// apart other classes, begin with weights drawn from the job's seed, and the log says so.
pub fn model(job: &Job, spec: &ModelSpec) -> Result<Model> {
    let seed = derive(job.spec().seed, "init", 0);
    let mut model = match &spec.source {
        ModelSource::Zoo(name) => of_zoo(job, name, spec, seed)?,
        ModelSource::Onnx(file) => imported(job, spec.name(), file, seed)?,
    };
    match &spec.weights {
        None => {}
        Some(WeightsSpec::File(file)) => load(&mut model, &travelled(job, file))?,
        Some(WeightsSpec::Imagenet(file)) => {
            load(&mut model, &Path::new(&job.assignment.datasets).join(WEIGHTS_FOLDER).join(file.name()))?;
        }
    }
    Ok(model)
}

fn of_zoo(job: &Job, name: &str, spec: &ModelSpec, seed: u64) -> Result<Model> {
    let data = job.data()?;
    let options = ZooOptions {
        input: data.dataset.input(),
        classes: data.dataset.classes.len(),
        width: spec.width,
        transform_input: spec.transform_input,
    };
    let init = match spec.init {
        Init::Torchvision => init::Init::Torchvision,
        Init::Kaiming => init::Init::Kaiming,
    };
    zoo::model(name, &options, init, seed).map_err(|e| Error::BadInput(e.to_string()))
}

fn imported(job: &Job, name: &str, file: &PlanFile, seed: u64) -> Result<Model> {
    let bytes = read(&travelled(job, file))?;
    let cannot = |why: &dyn std::fmt::Display| Error::BadInput(format!("{} cannot be used: {why}", file.name));
    let model = onnx::import(&bytes, name).map_err(|e| cannot(&e))?;
    let classes = job.data()?.dataset.classes.len();
    let (model, replaced) = classes::replace_classes(&model, classes, seed).map_err(|e| cannot(&e))?;
    check_fits_data(job, &model.graph)?;
    tell_replaced(&replaced, classes);
    Ok(model)
}

fn load(model: &mut Model, path: &Path) -> Result<()> {
    let bytes = read(path)?;
    let cannot = |why: &dyn std::fmt::Display| Error::BadInput(format!("{} cannot be used: {why}", path.display()));
    let dict = state_dict::read(&bytes).map_err(|e| cannot(&e))?;
    let options = LoadOptions { replace: zoo::classifiers(&model.graph) };
    let loaded = state_dict::load(model, &dict, &options).map_err(|e| cannot(&e))?;
    tracing::info!(tensors = loaded.tensors, file = %path.display(), "weights loaded");
    loaded.notes.iter().for_each(|note| tracing::info!("{note}"));
    tell_replaced(&loaded.replaced, model.graph.classes);
    Ok(())
}

fn tell_replaced(layers: &[String], classes: usize) {
    if !layers.is_empty() {
        let layers = layers.join(", ");
        tracing::info!(layers, classes, "the last layers of the file do not fit: they begin with new weights");
    }
}

/// Where a file lies that travelled with the plan.
fn travelled(job: &Job, file: &PlanFile) -> PathBuf {
    job.folder().join(MODEL_FILES).join(&file.name)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io(format!("read {}", path.display())))
}
