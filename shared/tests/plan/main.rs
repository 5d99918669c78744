//! Plans, read from the outside: golden expansions, what errors say, and properties.

mod errors;
mod golden;
mod networks;
mod notify;
mod places;
mod properties;

use std::sync::Arc;

use sweep_shared::ids::ContentHash;
use sweep_shared::plan::{Catalogue, ExpandedJob, ExpandedPlan, Networks, PlanErrors, Published, read};
use sweep_shared::spec::{ModelSpec, PublishedFile};

/// A zoo of a few names, in which `resnet18-cifar` wants images of at least 16 pixels and has published weights. Of files only
/// `known.onnx` can be looked into.
struct FewNetworks;

impl Networks for FewNetworks {
    fn parameters(&self, model: &ModelSpec, size: u32) -> Result<Option<Vec<String>>, String> {
        let names = match model.name() {
            "resnet18-cifar" if size < 16 => return Err("its strides leave nothing".to_owned()),
            "resnet18-cifar" => ["conv1.weight", "layer4.1.conv2.weight", "fc.weight", "fc.bias"],
            "unknown" => return Ok(None),
            _ => ["conv1.weight", "conv1.bias", "classifier.weight", "classifier.bias"],
        };
        Ok(Some(names.map(str::to_owned).to_vec()))
    }

    fn published(&self, name: &str) -> Option<Published> {
        let url = "https://host/models/resnet18-f37072fd.pth".to_owned();
        let file = PublishedFile { url, sha256_prefix: "f37072fd".to_owned() };
        (name == "resnet18-cifar").then_some(Published { file, transform_input: true })
    }
}

pub fn catalogue() -> Catalogue {
    let models = ["small-cnn", "tiny-cnn", "kd-conv4", "kd-conv5", "resnet18-cifar"];
    let files = ["train.py", "known.onnx", "nets/unknown.onnx", "trained.pth"];
    let files = files.map(|name| (name.to_owned(), ContentHash::of(name.as_bytes()))).into();
    Catalogue { models: models.map(str::to_owned).to_vec(), networks: Arc::new(FewNetworks), files }
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
