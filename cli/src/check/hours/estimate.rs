//! How long each job will take.

use std::collections::HashMap;

use sweep_coordinator::predict::Prediction;
use sweep_shared::plan::{ExpandedJob, ExpandedPlan};
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::StageKind;

use super::past::Past;
use super::rates::{self, Measured};
use super::work::{Work, work};
use crate::answer::Pace;

/// In seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Range {
    pub low: f64,
    pub likely: f64,
    pub high: f64,
}

impl Range {
    fn around(likely: f64, factor: f64) -> Self {
        Self { low: likely / factor, likely, high: likely * factor }
    }

    /// At least so wide, in either direction.
    fn widened(self, factor: f64) -> Self {
        Self { low: self.low.min(self.likely / factor), likely: self.likely, high: self.high.max(self.likely * factor) }
    }
}

impl std::ops::Add for Range {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { low: self.low + other.low, likely: self.likely + other.likely, high: self.high + other.high }
    }
}

/// What it is based on, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Runs of jobs that are alike.
    Alike { runs: u32 },
    /// How fast so many other jobs computed on the same class of device.
    Others { jobs: usize },
    /// A rule of thumb.
    Rule,
}

impl Basis {
    pub fn word(self) -> &'static str {
        match self {
            Self::Alike { .. } => "alike",
            Self::Others { .. } => "others",
            Self::Rule => "rule",
        }
    }
}

/// Of one job, alone on its device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub seconds: Range,
    pub basis: Basis,
    pub device: DeviceClass,
}

/// Equal jobs differ by so much: a machine that is busy, a disk that is cold. By a few runs there is more to be said than by one.
const ONE_RUN: f64 = 1.25;
const SEVERAL_RUNS: f64 = 1.1;
/// Measurements are short, and most of them is starting.
const MEASURE_START_S: f64 = 1.0;

/// Of every job, in the plan's order; `None`: unknown.
pub fn estimates(plan: &ExpandedPlan, predictions: &[Prediction], past: &Past) -> Vec<Option<Estimate>> {
    let mut by_class: HashMap<DeviceClass, Option<Measured>> = HashMap::new();
    let work = work(plan, predictions);
    let jobs = plan.jobs.iter().zip(predictions).zip(work);
    jobs.map(|((job, prediction), work)| {
        let device = device(job, past);
        let alike = past
            .paces
            .iter()
            .find(|pace| pace.device == device && pace.likeness == prediction.likeness && !pace.likeness.is_empty());
        if let Some(estimate) = alike.and_then(|pace| by_runs(job, pace)) {
            return Some(estimate);
        }
        let measured = *by_class.entry(device).or_insert_with(|| rates::measured(&past.paces, device));
        Some(by_work(work?, device, measured, past.cores))
    })
    .collect()
}

/// Where it will run: what the plan says, or else a GPU where there is one. What is measured for the CPU runs there.
fn device(job: &ExpandedJob, past: &Past) -> DeviceClass {
    match (job.device, &job.spec.kind) {
        (Some(device), _) => device,
        (None, StageKind::Measure(_)) => DeviceClass::Cpu,
        (None, _) if past.gpus => DeviceClass::Cuda,
        (None, _) => DeviceClass::Cpu,
    }
}

fn by_runs(job: &ExpandedJob, pace: &Pace) -> Option<Estimate> {
    let [low, likely, high] = pace.run_s;
    let whole = Range { low, likely, high };
    let seconds = match (pace.epoch_s, epochs(&job.spec.kind)) {
        (Some([low, likely, high]), Some(epochs)) => {
            let n = f64::from(epochs);
            // Part of the rest comes with every epoch (validation, checkpoints), part of it once.
            let ratio = n / f64::from(pace.epochs.max(1));
            let (least, most) = (pace.rest_s * ratio.min(1.0), pace.rest_s * ratio.max(1.0));
            Range { low: n * low + least, likely: n * likely + f64::midpoint(least, most), high: n * high + most }
        }
        (None, None) => whole,
        // It is not told in which of its epochs the time went.
        (None, Some(_)) | (Some(_), None) => return None,
    };
    let factor = if pace.attempts > 1 { SEVERAL_RUNS } else { ONE_RUN };
    let basis = Basis::Alike { runs: pace.attempts };
    Some(Estimate { seconds: seconds.widened(factor), basis, device: pace.device })
}

/// How many it has; `None` where there are none, or nobody knows.
fn epochs(kind: &StageKind) -> Option<u32> {
    match kind {
        StageKind::Train(train) => Some(train.fit.epochs),
        StageKind::Distill(distill) => Some(distill.fit.epochs),
        StageKind::Prune(prune) => {
            let cycles = sweep_shared::spec::cycles::cycles(prune.per_cycle, &prune.keep).len();
            Some(cycles as u32 * prune.retrain.epochs)
        }
        StageKind::Quantize(quantize) => quantize.fit.as_ref().map(|fit| fit.epochs),
        StageKind::Evaluate(_) | StageKind::Measure(_) | StageKind::Command(_) => None,
    }
}

fn by_work(work: Work, device: DeviceClass, measured: Option<Measured>, cores: usize) -> Estimate {
    let macs = match work {
        Work::Timed { macs, threads } => {
            let likely = MEASURE_START_S + macs / rates::inference(threads);
            return Estimate { seconds: Range::around(likely, rates::RULE_WIDTH), basis: Basis::Rule, device };
        }
        Work::Once(macs) => macs,
        Work::Epochs { epochs, each, rest } => f64::from(epochs) * each + rest,
    };
    let Some(Measured { rate: [slowest, median, fastest], jobs, rest_s }) = measured else {
        let likely = rates::START_S + macs / rates::rule(device, cores);
        return Estimate { seconds: Range::around(likely, rates::RULE_WIDTH), basis: Basis::Rule, device };
    };
    let seconds = Range { low: macs / fastest, likely: rest_s + macs / median, high: rest_s + macs / slowest };
    Estimate { seconds: seconds.widened(rates::OTHERS_WIDTH), basis: Basis::Others { jobs }, device }
}
