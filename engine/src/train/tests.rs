use std::path::Path;

use serde_json::json;
use sweep_model::{GraphBuilder, Model, Tensor as Array, Weights, init};
use sweep_shared::event::RunnerEvent;
use sweep_shared::spec::{FitSpec, OptimizerSpec, Precision, ScheduleSpec};
use sweep_shared::states::FailureClass;
use tch::Device;

use super::*;
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::error::Result;
use crate::job::{Events, Job, Stop};
use crate::lower::Net;

/// A job on 64 generated images; nothing of it is read but the data and the seed.
fn job(folder: &Path) -> Job {
    let assignment = json!({
        "token": { "job": 1, "attempt": 1, "lease": 1 },
        "spec": {
            "stage": "s", "seed": 3, "inputs": [], "kind": "evaluate", "params": {},
            "data": {
                "source": { "synthetic": { "train": 64, "validation": 40, "test": 10 } },
                "validation": 0.1, "augment": ["flip", "crop4"], "normalization": "dataset"
            }
        },
        "inputs": [], "resume": [], "device": "cpu", "device_index": 0, "threads": 1, "datasets": "."
    });
    let (stop, sink) = (Stop::new(), Box::new(std::io::sink()));
    let assignment = serde_json::from_value(assignment).unwrap();
    Job::open(folder, assignment, Device::Cpu, Events::new(sink, stop.clone()), stop).unwrap()
}

/// conv → batch norm → relu → pooling → linear.
fn small_model() -> Model {
    let mut b = GraphBuilder::new("small", [3, 32, 32], 10);
    let x = b.conv("conv", "input", 8, 3, 4);
    let x = b.batch_norm("bn", &x);
    let x = b.relu("relu", &x);
    let out = b.classifier(&x);
    init::model(b.finish(&out).unwrap(), 1)
}

fn spec(epochs: u32, lr: f64) -> FitSpec {
    FitSpec {
        epochs,
        batch: 8,
        optimizer: OptimizerSpec::Adamw { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 },
        schedule: ScheduleSpec::OneCycle { warmup_share: 0.3 },
        label_smoothing: 0.1,
        precision: Precision::Fp32,
    }
}

struct NoStage;

impl State for NoStage {
    fn save(&self, _: &mut StateWriter) -> checkpoint::Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &StateReader) -> checkpoint::Result<()> {
        Ok(())
    }
}

/// Fits the small model in `folder`.
fn fit(folder: &Path, spec: &FitSpec, masks: Masks) -> Result<Model> {
    let mut net = Net::new(&small_model(), Device::Cpu)?;
    let mut objective = CrossEntropy { label_smoothing: 0.1, masks };
    let fit = Fit { spec, phase: "train", first_epoch: 0, job_epochs: spec.epochs, stage: &NoStage };
    fit.run(&mut job(folder), &mut net, &mut objective, None)?;
    Ok(net.to_model()?)
}

#[test]
fn a_learning_rate_beyond_reason_is_reported_as_divergence() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(2, 1.0);
    spec.optimizer = OptimizerSpec::Sgd { lr: 1e30, momentum: 0.9, weight_decay: 0.0, nesterov: false };
    let error = fit(folder.path(), &spec, Masks::none()).expect_err("a failure");
    assert_eq!(error.class(), Some(FailureClass::Diverged), "{error}");
}

#[test]
fn bf16_training_learns_and_keeps_its_weights_in_fp32() {
    let (full, half) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let in_fp32 = spec(1, 0.01);
    let in_bf16 = FitSpec { precision: Precision::Bf16, ..in_fp32.clone() };
    let full = fit(full.path(), &in_fp32, Masks::none()).unwrap();
    let half = fit(half.path(), &in_bf16, Masks::none()).unwrap();
    let distance = |a: &Model, b: &Model| {
        let (a, b) = (a.weights.get("conv.weight").unwrap(), b.weights.get("conv.weight").unwrap());
        a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs()).sum::<f32>()
    };
    let moved = distance(&half, &small_model());
    assert!(moved > 0.0 && moved.is_finite());
    // The same path, walked with coarser steps.
    let apart = distance(&half, &full);
    assert!(apart > 0.0 && apart < moved, "{apart} apart after moving {moved}");
}

#[test]
fn masked_weights_stay_zero_through_training() {
    let mut mask = Array::full([8, 3, 3, 3], 1.0);
    mask.data.iter_mut().step_by(2).for_each(|value| *value = 0.0);
    let masks: Weights = [("conv.weight".to_owned(), mask.clone())].into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let masks = Masks::new(&masks, Device::Cpu).unwrap();
    let model = fit(folder.path(), &spec(1, 0.01), masks).unwrap();
    let weight = model.weights.get("conv.weight").unwrap();
    for (weight, mask) in weight.data.iter().zip(&mask.data) {
        assert_eq!(*weight != 0.0, *mask != 0.0);
    }
}

#[test]
fn the_best_epoch_is_the_one_with_the_highest_validation_accuracy_and_its_weights_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let events = Log::default();
    let mut job = job(folder.path());
    job.events = Events::new(Box::new(events.clone()), job.stop.clone());
    let spec = spec(4, 0.02);
    let mut net = Net::new(&small_model(), Device::Cpu).unwrap();
    let mut objective = CrossEntropy { label_smoothing: 0.0, masks: Masks::none() };
    let fit = Fit { spec: &spec, phase: "train", first_epoch: 10, job_epochs: 14, stage: &NoStage };
    let fitted = fit.run(&mut job, &mut net, &mut objective, None).unwrap();

    let mut best = (0, 0.0);
    for event in events.read() {
        if let RunnerEvent::Epoch { epoch, epochs, phase, metrics } = event {
            assert_eq!((epochs, phase.as_str()), (14, "train"));
            if metrics["val_accuracy"] > best.1 {
                best = (epoch - 10, metrics["val_accuracy"]);
            }
        }
    }
    assert_eq!((fitted.best_epoch, fitted.val_accuracy), (best.0, Some(best.1)));
    let data = job.data().unwrap();
    let validation = data.evaluation(&data.dataset.validation, 16);
    assert_eq!(
        score(&net, &validation, &mut Pace::new(None, Device::Cpu, Stop::new())).unwrap().unwrap().accuracy,
        best.1
    );
}

#[test]
fn an_epoch_tells_the_learning_rate_that_it_was_trained_with() {
    let folder = tempfile::tempdir().unwrap();
    let events = Log::default();
    let mut job = job(folder.path());
    job.events = Events::new(Box::new(events.clone()), job.stop.clone());
    let spec = FitSpec { schedule: ScheduleSpec::Multistep { milestones: vec![1], gamma: 0.1 }, ..spec(2, 0.01) };
    let mut net = Net::new(&small_model(), Device::Cpu).unwrap();
    let mut objective = CrossEntropy { label_smoothing: 0.0, masks: Masks::none() };
    let fit = Fit { spec: &spec, phase: "train", first_epoch: 0, job_epochs: 2, stage: &NoStage };
    fit.run(&mut job, &mut net, &mut objective, None).unwrap();
    let told: Vec<f64> = events
        .read()
        .into_iter()
        .filter_map(|event| if let RunnerEvent::Epoch { metrics, .. } = event { Some(metrics["lr"]) } else { None })
        .collect();
    assert_eq!(told, [0.01, 0.01 * 0.1]);
}

#[test]
fn re_estimated_statistics_are_those_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = job(folder.path()).data().unwrap();
    let net = Net::new(&small_model(), Device::Cpu).unwrap();
    let loader = data.evaluation(&data.dataset.train, 64);
    let batch = loader.epoch(0, 0).next().unwrap().unwrap();
    let conv = net.tensor("conv.weight").unwrap();
    let y = tch::no_grad(|| batch.images.conv2d(&conv, None::<tch::Tensor>, [4, 4], [1, 1], [1, 1], 1));
    let expected = y.mean_dim([0i64, 2, 3].as_slice(), false, tch::Kind::Float);
    // Whatever was there before is forgotten.
    net.set_tensor("bn.running_mean", &tch::Tensor::full([8], 100.0, (tch::Kind::Float, Device::Cpu))).unwrap();
    reestimate_batch_norm(&net, &data.evaluation(&data.dataset.train, 16), 0, 4).unwrap();
    let found = net.tensor("bn.running_mean").unwrap();
    assert!((found - expected).abs().max().double_value(&[]) < 1e-5);
}

/// Collects event lines.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn read(&self) -> Vec<RunnerEvent> {
        let bytes = self.0.lock().unwrap();
        bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
