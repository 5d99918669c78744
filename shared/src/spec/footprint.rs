//! How much memory a job takes at its busiest moment.
//!
//! What one network takes in one use is counted from its graph (`sweep_model::memory`); here is what a runner does with how many networks,
//! and with how many images at once. The coordinator admits jobs by this, and the runner looks once more by it before weights are
//! moved: both ask here, so that they cannot part. What belongs to the runner and not to the job was measured by `bench/memory.sh`.

use super::{AtOnce, DataSource, FitSpec, FreezeSpec, OptimizerSpec, Precision, QuantMode, StageKind};
use crate::resources::DeviceClass;

const MIB: u64 = 1 << 20;
/// Resident size of a runner that has trained a network of next to nothing: libtorch's code and tables, threads, the log.
const TRAINER_BYTES: u64 = 150 * MIB;
/// What ONNX Runtime adds: its code, and what it allocates before it has a network.
const DEPLOYED_BYTES: u64 = 40 * MIB;
/// On a GPU: the context with libtorch's kernels, and the workspaces of cuBLAS and cuDNN. An estimate: no card has been tried yet, and
/// measured peaks take its place.
const CONTEXT_BYTES: u64 = 640 * MIB;
/// Batches between the loader and the step: two wait, one is in the making, in two copies, and one is in use.
const LOADED_BATCHES: u64 = 5;
/// Copies of the weights while a point is published: the network, its model, the model without quantizers or folded, the file's bytes,
/// and what ONNX Runtime makes of them (the parsed file, its tensors, their packed form).
const PUBLISHED_COPIES: u64 = 8;
/// Copies of all that a checkpoint holds while it is written: what is saved, its bytes, and the file.
const CHECKPOINT_COPIES: u64 = 3;

/// Which of a job's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The one that is trained, or what is measured.
    Own,
    Teacher,
}

/// What one network is run for, as far as memory depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Use<'a> {
    /// Images at once.
    pub images: u32,
    /// `None`: inference in fp32.
    pub training: Option<TrainingUse<'a>>,
}

/// What training keeps besides.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingUse<'a> {
    pub frozen: &'a FreezeSpec,
    /// Numbers per parameter.
    pub optimizer_slots: usize,
    /// `Auto` where the device decides: the larger counts, unless the device is known.
    pub precision: Precision,
}

/// Predicted bytes of one network in one use; see `sweep_model::memory::Memory`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetworkBytes {
    pub weights: u64,
    pub gradients: u64,
    pub optimizer: u64,
    pub best_epoch: u64,
    /// Values of the forward pass that are there at once.
    pub activations: u64,
    /// What libtorch's ops take beside them.
    pub workspace: u64,
}

impl NetworkBytes {
    /// What passes over it take at once. On a CPU, inference has no use for more than the values: the convolutions read and write
    /// them as they are.
    fn values(&self, device: DeviceClass) -> u64 {
        let trains = self.gradients > 0;
        self.activations + if trains || device == DeviceClass::Cuda { self.workspace } else { 0 }
    }
}

/// Where the job runs, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub device: DeviceClass,
    pub at_once: AtOnce,
    /// All splits, decoded; 0 where that is not known.
    pub data_bytes: u64,
}

/// All splits of a data set, decoded, and its images' side; a folder's size is known only where it lies.
pub fn data(source: &DataSource) -> (u64, usize) {
    const SIDE: usize = 32;
    const IMAGE: u64 = (SIDE * SIDE * 3) as u64;
    const CIFAR10: u64 = 60_000;
    match source {
        DataSource::Synthetic(counts) => {
            let images = [counts.train, counts.validation, counts.test].map(u64::from).iter().sum::<u64>();
            (images * IMAGE, SIDE)
        }
        DataSource::Cifar10 { .. } => (CIFAR10 * IMAGE, SIDE),
        DataSource::Folder { size, .. } => (0, *size as usize),
    }
}

/// Bytes of the job's device (of the host's memory, on a CPU) at its busiest moment. `bytes` tells what a network takes. A command is a
/// closed book: 0.
pub fn busiest(kind: &StageKind, setting: &Setting, mut bytes: impl FnMut(Subject, &Use) -> NetworkBytes) -> u64 {
    let at_once = setting.at_once;
    let mut moments = Moments { setting, bytes: &mut bytes };
    match kind {
        StageKind::Train(train) => moments.fit(&train.fit, &train.frozen, false),
        StageKind::Distill(distill) => moments.fit(&distill.fit, &distill.frozen, true),
        StageKind::Prune(prune) => moments.fit(&prune.retrain, &FreezeSpec::default(), false),
        StageKind::Quantize(quantize) => {
            let calibrating = moments.running(at_once.calibration());
            let fitted = match (quantize.mode, &quantize.fit) {
                (QuantMode::Qat, Some(fit)) => moments.fit(fit, &FreezeSpec::default(), false),
                _ => moments.publishing(),
            };
            fitted.max(calibrating)
        }
        StageKind::Evaluate(_) => moments.publishing(),
        StageKind::Measure(measure) => moments.measuring(measure.batches.iter().max().copied().unwrap_or(1)),
        StageKind::Command(_) => 0,
    }
}

/// What a runner takes of its device beside the networks and images, before it has any.
pub fn runner_bytes(device: DeviceClass) -> u64 {
    match device {
        DeviceClass::Cpu => TRAINER_BYTES,
        DeviceClass::Cuda => CONTEXT_BYTES,
    }
}

struct Moments<'a> {
    setting: &'a Setting,
    bytes: &'a mut dyn FnMut(Subject, &Use) -> NetworkBytes,
}

impl Moments<'_> {
    /// The busiest of a fit: a step, a validation, a checkpoint, the point at the end.
    fn fit(&mut self, fit: &FitSpec, frozen: &FreezeSpec, teacher: bool) -> u64 {
        let Setting { at_once, device, .. } = *self.setting;
        let part = at_once.training(fit.batch);
        let training = TrainingUse { frozen, optimizer_slots: slots(&fit.optimizer), precision: fit.precision };
        let own = (self.bytes)(Subject::Own, &Use { images: part, training: Some(training) });
        let teacher = if teacher { self.inference(Subject::Teacher, part) } else { NetworkBytes::default() };
        // What stays throughout. Gradients are dropped after an epoch.
        let state = own.weights + own.optimizer + own.best_epoch;
        let steps = state + own.gradients + own.values(device) + teacher.values(device) + self.loaded(fit.batch);
        let validation = state
            + self.inference(Subject::Own, at_once.validation()).values(device)
            + self.loaded(at_once.validation());
        let busiest = steps.max(validation).max(self.on_host(CHECKPOINT_COPIES * state));
        let training = self.resident() + teacher.weights + busiest;
        training.max(self.publishing())
    }

    fn running(&mut self, images: u32) -> u64 {
        let own = self.inference(Subject::Own, images);
        self.resident()
            + own.weights
            + own.values(self.setting.device)
            + self.on_host(2 * own.weights)
            + self.loaded(images)
    }

    /// The network lies on its device once; everything else happens on the host.
    fn publishing(&mut self) -> u64 {
        let images = self.setting.at_once.deployed();
        let own = self.inference(Subject::Own, images);
        let beside = (PUBLISHED_COPIES - 1) * own.weights + own.activations + DEPLOYED_BYTES + self.pixels(images);
        self.resident() + own.weights + self.on_host(beside)
    }

    /// Two networks lie in memory, packed, and one runs at a time. No libtorch runs, but its code is there.
    fn measuring(&mut self, images: u32) -> u64 {
        let own = self.inference(Subject::Own, images);
        let networks = 4 * own.weights + 2 * own.activations;
        self.resident() + self.on_host(networks + DEPLOYED_BYTES + 2 * self.pixels(images))
    }

    fn inference(&mut self, subject: Subject, images: u32) -> NetworkBytes {
        (self.bytes)(subject, &Use { images, training: None })
    }

    /// Always there: the runner, and on the host its images.
    fn resident(&self) -> u64 {
        runner_bytes(self.setting.device) + self.on_host(self.setting.data_bytes)
    }

    /// What batches of that size take before the network has them.
    fn loaded(&self, images: u32) -> u64 {
        match self.setting.device {
            DeviceClass::Cpu => LOADED_BATCHES * self.pixels(images),
            DeviceClass::Cuda => self.pixels(images),
        }
    }

    /// Images as floats.
    fn pixels(&self, images: u32) -> u64 {
        u64::from(images) * self.setting.at_once.pixels * 3 * 4
    }

    /// Counts on a CPU only.
    fn on_host(&self, bytes: u64) -> u64 {
        match self.setting.device {
            DeviceClass::Cpu => bytes,
            DeviceClass::Cuda => 0,
        }
    }
}

fn slots(optimizer: &OptimizerSpec) -> usize {
    match optimizer {
        // Kept even where the momentum is 0.
        OptimizerSpec::Sgd { .. } => 1,
        OptimizerSpec::Adamw { .. } => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const M: u64 = 1_000_000;

    /// A network of 10 MB whose values take 1 MB an image, and twice that in training; its teacher is twice as large.
    fn bytes(subject: Subject, used: &Use) -> NetworkBytes {
        let weights = if subject == Subject::Teacher { 20 * M } else { 10 * M };
        let activations = u64::from(used.images) * if used.training.is_some() { 2 * M } else { M };
        let learnt = if used.training.is_some() { weights } else { 0 };
        NetworkBytes { weights, gradients: learnt, optimizer: learnt, best_epoch: learnt, activations, workspace: 0 }
    }

    fn kind(kind: &str, params: serde_json::Value) -> StageKind {
        serde_json::from_value(json!({ "kind": kind, "params": params })).unwrap()
    }

    fn fit(batch: u32) -> serde_json::Value {
        json!({
            "epochs": 1, "batch": batch, "label_smoothing": 0.0, "precision": "fp32", "schedule": "constant",
            "optimizer": { "sgd": { "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "nesterov": false } }
        })
    }

    fn on(device: DeviceClass, micro_batches: u32, kind: &StageKind) -> u64 {
        busiest(kind, &Setting { device, at_once: AtOnce::new(micro_batches, 32, 32), data_bytes: 5 * M }, bytes)
    }

    #[test]
    fn on_a_gpu_the_step_or_the_validation_is_the_busiest() {
        let train = |batch: u32| kind("train", json!({ "model": "x", "fit": fit(batch) }));
        let cuda = |micro_batches, kind: &StageKind| on(DeviceClass::Cuda, micro_batches, kind) - CONTEXT_BYTES;
        let pixels = |images: u64| images * 32 * 32 * 3 * 4;
        assert_eq!(cuda(1, &train(1024)), 40 * M + 2 * 1024 * M + pixels(1024));
        assert_eq!(cuda(4, &train(1024)), 40 * M + 2 * 256 * M + pixels(1024));
        // 256 images are validated at once, without gradients.
        assert_eq!(cuda(1, &train(8)), 30 * M + 256 * M + pixels(256));
        let distill = kind("distill", json!({ "model": "x", "alpha": 0.5, "temperature": 2.0, "fit": fit(1024) }));
        assert_eq!(cuda(1, &distill), cuda(1, &train(1024)) + 20 * M + 1024 * M);
    }

    #[test]
    fn on_a_cpu_files_images_and_the_runner_count_too() {
        let train = kind("train", json!({ "model": "x", "fit": fit(8) }));
        let expected = TRAINER_BYTES + DEPLOYED_BYTES + 5 * M + PUBLISHED_COPIES * 10 * M + 512 * (M + 32 * 32 * 12);
        assert_eq!(on(DeviceClass::Cpu, 1, &train), expected, "publishing");
        assert_eq!(on(DeviceClass::Cpu, 1, &kind("evaluate", json!({}))), expected);
        assert!(on(DeviceClass::Cpu, 4, &train) < expected - 300 * M);
        let command = json!({
            "run": ["x"], "protocol": "exit", "outputs": [], "files": [], "matrix": {}, "reuse": true
        });
        assert_eq!(on(DeviceClass::Cpu, 1, &kind("command", command)), 0);
    }
}
