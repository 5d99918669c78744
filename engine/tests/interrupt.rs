//! A fit with dropout, stopped at any step and continued. Alone in its process, because libtorch's random generator belongs to
//! the process and other tests would draw from it.

use std::path::Path;

use serde_json::json;
use sweep_engine::checkpoint::{self, State, StateReader, StateWriter};
use sweep_engine::data::Batch;
use sweep_engine::job::{Events, Job, Stop};
use sweep_engine::lower::Net;
use sweep_engine::train::{CrossEntropy, Fit, Fitted, Masks, Objective, Outcome};
use sweep_engine::{Error, Result};
use sweep_model::{GraphBuilder, Model, Op, init};
use sweep_shared::spec::{FitSpec, OptimizerSpec, Precision, ScheduleSpec};
use tch::Device;

const STEPS_PER_EPOCH: u64 = 8;

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

/// conv → batch norm → relu → dropout → linear: dropout makes the random generator's state matter.
fn model() -> Model {
    let mut b = GraphBuilder::new("dropout", [3, 32, 32], 10);
    let x = b.conv("conv", "input", 8, 3, 4);
    let x = b.batch_norm("bn", &x);
    let x = b.relu("relu", &x);
    let x = b.push("dropout", Op::Dropout { p: 0.3 }, &[&x]);
    let out = b.classifier(&x);
    init::model(b.finish(&out).unwrap(), 1)
}

fn spec() -> FitSpec {
    FitSpec {
        epochs: 3,
        batch: 8,
        optimizer: OptimizerSpec::Adamw { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 },
        schedule: ScheduleSpec::OneCycle { warmup_share: 0.3 },
        label_smoothing: 0.1,
        precision: Precision::Fp32,
    }
}

/// Plain training that asks for a stop after `stop_after` steps, counted over its own life.
struct Stopping {
    inner: CrossEntropy,
    stop: Stop,
    stop_after: Option<u64>,
    steps: u64,
}

impl Stopping {
    fn new(job: &Job, stop_after: Option<u64>) -> Self {
        let inner = CrossEntropy { label_smoothing: 0.1, masks: Masks::none() };
        Self { inner, stop: job.stop.clone(), stop_after, steps: 0 }
    }
}

impl Objective for Stopping {
    fn outcome(&mut self, net: &Net, batch: &Batch) -> Result<Outcome> {
        self.inner.outcome(net, batch)
    }

    fn after_step(&mut self, net: &Net) -> Result<()> {
        self.steps += 1;
        if Some(self.steps) == self.stop_after {
            self.stop.ask();
        }
        self.inner.after_step(net)
    }
}

impl State for Stopping {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        self.inner.save(writer)
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        self.inner.load(reader)
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

/// Fits in `folder`, from its newest checkpoint if there is one, stopping after so many steps.
fn fit(folder: &Path, stop_after: Option<u64>) -> Result<(Model, Fitted)> {
    // As in a new process, the generator is anywhere.
    tch::manual_seed(stop_after.map_or(99, |steps| steps as i64));
    let (mut job, spec) = (job(folder), spec());
    let mut net = Net::new(&model(), Device::Cpu)?;
    let mut objective = Stopping::new(&job, stop_after);
    let resumed = job.take_resumed();
    let fit = Fit { spec: &spec, phase: "train", first_epoch: 0, job_epochs: spec.epochs, stage: &NoStage };
    let fitted = fit.run(&mut job, &mut net, &mut objective, resumed)?;
    Ok((net.to_model()?, fitted))
}

#[test]
fn stopped_at_any_step_and_continued_ends_with_the_same_bits() {
    sweep_engine_sys::set_threads(1, 1).unwrap();
    let reference = tempfile::tempdir().unwrap();
    let (expected, best) = fit(reference.path(), None).unwrap();
    for stop_after in [1, 5, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1, 2 * STEPS_PER_EPOCH + 7] {
        let folder = tempfile::tempdir().unwrap();
        let stopped = fit(folder.path(), Some(stop_after));
        assert!(matches!(stopped, Err(Error::Interrupted)), "after {stop_after}");
        let continued = fit(folder.path(), None).unwrap();
        assert!(continued == (expected.clone(), best), "stopped after {stop_after}");
    }
    // Stopped again and again.
    let folder = tempfile::tempdir().unwrap();
    while let Err(error) = fit(folder.path(), Some(7)) {
        assert!(matches!(error, Error::Interrupted), "{error}");
    }
    assert!(fit(folder.path(), None).unwrap() == (expected, best));
}
