//! `train`: a new network, or an earlier stage's trained on.

use sweep_model::passes::prune::zeros;
use sweep_shared::spec::{Role, TrainSpec};

use super::{check_fits_data, fit_and_publish, start, trainable};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::train::{CrossEntropy, Masks};

pub fn run(job: &mut Job, spec: &TrainSpec) -> Result<()> {
    let (model, masks) = match &spec.model {
        Some(model) => (start::model(job, model)?, Masks::none()),
        None => {
            let model = job.input_model(Role::Input)?;
            check_fits_data(job, &model.graph)?;
            if model.graph.is_quantized() {
                return Err(Error::BadInput(format!(
                    "the network {:?} is quantized: it cannot be trained on",
                    model.graph.name
                )));
            }
            // What was pruned stays pruned.
            let masks = Masks::new(&zeros(&model), job.device)?;
            (model, masks)
        }
    };
    let mut net = trainable(job, &model, &spec.frozen)?;
    // The network holds its own copy of the weights.
    drop(model);
    let mut objective = CrossEntropy { label_smoothing: spec.fit.label_smoothing, masks };
    fit_and_publish(job, &spec.fit, "train", &mut net, &mut objective)
}
