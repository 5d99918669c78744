//! Plans, read from the outside: golden expansions, what errors say, and properties.

mod errors;
mod golden;
mod properties;

use std::collections::BTreeMap;

use sweep_shared::ids::ContentHash;
use sweep_shared::plan::{Catalogue, ExpandedJob, ExpandedPlan, PlanErrors, read};

/// A zoo of a few names, in which `resnet18-cifar` wants images of at least 16 pixels.
pub fn catalogue() -> Catalogue {
    let models = ["small-cnn", "tiny-cnn", "kd-conv4", "kd-conv5", "resnet18-cifar"];
    let fits = |model: &str, size: u32| {
        if model == "resnet18-cifar" && size < 16 { Err("its strides leave nothing".to_owned()) } else { Ok(()) }
    };
    let files = BTreeMap::from([("train.py".to_owned(), ContentHash::of(b"print()"))]);
    Catalogue { models: models.map(str::to_owned).to_vec(), fits, files }
}

/// The jobs of a plan that must be right.
#[track_caller]
pub fn jobs_of(text: &str) -> ExpandedPlan {
    read(text, "plan.yaml", &catalogue()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The complaints about a plan that must be wrong.
#[track_caller]
pub fn errors_of(text: &str) -> PlanErrors {
    match read(text, "plan.yaml", &catalogue()) {
        Err(errors) => errors,
        Ok(plan) => panic!("no error, but {} jobs", plan.jobs.len()),
    }
}

/// The jobs of one stage.
pub fn stage<'a>(plan: &'a ExpandedPlan, name: &str) -> Vec<&'a ExpandedJob> {
    plan.jobs.iter().filter(|j| j.spec.stage == name).collect()
}
