//! `train`: a network of the zoo, from scratch.

use sweep_shared::spec::TrainSpec;

use super::{fit_and_publish, fresh_model, trainable};
use crate::error::Result;
use crate::job::Job;
use crate::train::{CrossEntropy, Masks};

pub fn run(job: &mut Job, spec: &TrainSpec) -> Result<()> {
    let mut net = trainable(job, &fresh_model(job, &spec.model)?, &spec.fit)?;
    let mut objective = CrossEntropy { label_smoothing: spec.fit.label_smoothing, masks: Masks::none() };
    fit_and_publish(job, &spec.fit, "train", &mut net, &mut objective)
}
