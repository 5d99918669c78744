//! The last look at memory, before weights are moved. The coordinator and the agent have looked before; in between somebody else may
//! have taken what was free.

mod free;

use std::collections::HashSet;

use sweep_model::memory::{self, Setting};
use sweep_model::{Graph, Role};
use sweep_shared::spec::footprint::{self, NetworkBytes, Subject, TrainingUse, Use};
use tch::Device;

use super::Job;
use crate::error::{Error, Result};
use crate::train::uses_bf16;

/// Whether the job, on this network and with this teacher, should fit into what is free now at its busiest moment.
///
/// The promise counts where it is less than what is predicted here: it may have been learnt from jobs that ran.
pub fn check(job: &Job, own: &Graph, teacher: Option<&Graph>) -> Result<()> {
    let predicted = predicted(job, own, teacher)?;
    let needed = match job.assignment.memory_bytes {
        0 => predicted,
        promised => promised.min(predicted),
    };
    match left(job) {
        Some(left) if needed > left.most() => {
            Err(Error::Memory { needed, free: left.most(), parts: job.assignment.micro_batches })
        }
        _ => Ok(()),
    }
}

/// The job's busiest moment, in bytes of its device's memory.
pub fn predicted(job: &Job, own: &Graph, teacher: Option<&Graph>) -> Result<u64> {
    let data = job.data()?;
    let splits = [&data.dataset.train, &data.dataset.validation, &data.dataset.test];
    let setting = footprint::Setting {
        device: job.assignment.device,
        at_once: job.at_once()?,
        data_bytes: splits.iter().map(|split| split.images.pixels.len() as u64).sum(),
    };
    let mut wrong = None;
    let bytes = footprint::busiest(&job.spec().kind, &setting, |subject, use_| {
        let graph = if subject == Subject::Teacher { teacher.unwrap_or(own) } else { own };
        network(graph, use_, job.device).unwrap_or_else(|error| {
            wrong = Some(error);
            NetworkBytes::default()
        })
    });
    wrong.map_or(Ok(bytes), |error| Err(Error::BadInput(error.to_string())))
}

fn network(
    graph: &Graph,
    use_: &Use,
    device: Device,
) -> std::result::Result<NetworkBytes, sweep_model::shape::ShapeError> {
    let setting = match &use_.training {
        None => Setting::inference(use_.images as usize),
        Some(training) => training_setting(graph, use_.images as usize, training, device),
    };
    let memory = memory::predict(graph, &setting)?;
    Ok(NetworkBytes {
        weights: memory.weights,
        gradients: memory.gradients,
        optimizer: memory.optimizer,
        best_epoch: memory.best_epoch,
        activations: memory.activations,
        workspace: memory.workspace,
    })
}

fn training_setting(graph: &Graph, images: usize, training: &TrainingUse, device: Device) -> Setting {
    let bf16 = uses_bf16(training.precision, device, graph.is_quantized());
    let precision = if bf16 { memory::Precision::Bf16 } else { memory::Precision::Fp32 };
    let parameters = graph.params().filter(|(_, param)| param.role == Role::Parameter).map(|(name, _)| name);
    let frozen: HashSet<String> = parameters.filter(|name| training.frozen.is_frozen(name)).collect();
    Setting::training(images, training.optimizer_slots).precision(precision).frozen(frozen)
}

/// What the device has for this process, in bytes.
struct Left {
    /// What it holds already.
    taken: u64,
    free: u64,
}

impl Left {
    fn most(&self) -> u64 {
        self.taken.saturating_add(self.free)
    }
}

/// `None` where nothing is known.
fn left(job: &Job) -> Option<Left> {
    let limit = job.assignment.memory_limit_bytes.unwrap_or(u64::MAX);
    match job.device {
        Device::Cuda(index) => {
            let memory = sweep_engine_sys::cuda::memory::memory(index).ok()?;
            // The context is there once the device was asked.
            let taken = footprint::runner_bytes(job.assignment.device);
            Some(Left { taken, free: memory.free_bytes.min(limit.saturating_sub(taken)) })
        }
        _ => {
            let (taken, counted) = free::taken()?;
            Some(Left { taken, free: free::of_host()?.min(limit.saturating_sub(counted)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Events, Stop};
    use serde_json::json;
    use sweep_model::zoo::{self, ZooOptions};
    use sweep_shared::states::FailureClass;

    fn job(folder: &std::path::Path, kind: &str, params: serde_json::Value, more: serde_json::Value) -> Job {
        let mut assignment = json!({
            "token": { "job": 1, "attempt": 1, "lease": 1 },
            "spec": {
                "stage": "s", "seed": 3, "inputs": [], "kind": kind, "params": params,
                "data": {
                    "source": { "synthetic": { "train": 64, "validation": 8, "test": 8 } },
                    "validation": 0.1, "augment": [], "normalization": "dataset"
                }
            },
            "inputs": [], "resume": [], "device": "cpu", "device_index": 0, "threads": 1, "datasets": "."
        });
        assignment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (stop, sink) = (Stop::new(), Box::new(std::io::sink()));
        let assignment = serde_json::from_value(assignment).unwrap();
        Job::open(folder, assignment, Device::Cpu, Events::new(sink, stop.clone()), stop).unwrap()
    }

    fn fit(batch: u32) -> serde_json::Value {
        json!({
            "epochs": 1, "batch": batch, "label_smoothing": 0.0, "precision": "fp32", "schedule": "constant",
            "optimizer": { "sgd": { "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "nesterov": false } }
        })
    }

    fn train(batch: u32) -> serde_json::Value {
        json!({ "model": "resnet18-cifar", "fit": fit(batch) })
    }

    fn graph() -> Graph {
        zoo::build("resnet18-cifar", &ZooOptions::default()).unwrap()
    }

    #[test]
    fn a_batch_that_cannot_fit_is_out_of_memory_before_anything_is_allocated() {
        let folder = tempfile::tempdir().unwrap();
        let check = |batch: u32, more| check(&job(folder.path(), "train", train(batch), more), &graph(), None);
        check(1, json!({})).unwrap();
        let error = check(100_000_000, json!({})).unwrap_err();
        assert_eq!(error.class(), Some(FailureClass::OutOfMemory), "{error}");
        // In parts, or where jobs like it are known to take less, it may be tried.
        check(1024, json!({ "micro_batches": 256 })).unwrap();
        check(100_000_000, json!({ "memory_bytes": 1 << 20 })).unwrap();
    }

    #[test]
    fn the_limit_counts_and_says_what_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let error = check(&job(folder.path(), "train", train(64), json!({ "memory_limit_bytes": 1 })), &graph(), None);
        let error = error.unwrap_err();
        assert_eq!(error.class(), Some(FailureClass::OutOfMemory), "{error}");
        assert!(error.to_string().contains("needs about"), "{error}");
    }

    #[test]
    fn every_kind_of_stage_is_predicted_and_parts_make_it_less() {
        let folder = tempfile::tempdir().unwrap();
        let prune = json!({
            "method": "structured", "criterion": "l1", "scope": "global", "per_cycle": 0.3, "keep": [0.3], "round_to": 1,
            "retrain": fit(128)
        });
        let qat = json!({
            "target": "ort-vnni", "mode": "qat", "observer": "min_max", "calibration_images": 64, "fit": fit(128)
        });
        let static_ =
            json!({ "target": "ort-vnni", "mode": "static", "observer": "min_max", "calibration_images": 64 });
        let distill = json!({ "model": "tiny-cnn", "alpha": 0.5, "temperature": 2.0, "fit": fit(128) });
        let small = zoo::build("tiny-cnn", &ZooOptions::default()).unwrap();
        let bytes = |kind: &str, params: &serde_json::Value, own: &Graph, parts: u32| {
            let job = job(folder.path(), kind, params.clone(), json!({ "micro_batches": parts }));
            predicted(&job, own, Some(&graph())).unwrap()
        };
        for (kind, params) in
            [("train", train(128)), ("prune", prune), ("quantize", qat), ("quantize", static_), ("evaluate", json!({}))]
        {
            let (whole, parts) = (bytes(kind, &params, &graph(), 1), bytes(kind, &params, &graph(), 8));
            assert!(parts < whole && parts > 40 << 20, "{kind}: {whole} and {parts}");
        }
        let student_alone = bytes("train", &json!({ "model": "tiny-cnn", "fit": fit(128) }), &small, 1);
        let with_teacher = bytes("distill", &distill, &small, 1);
        assert!(with_teacher > student_alone + (44 << 20), "{with_teacher} and {student_alone}");
    }
}
