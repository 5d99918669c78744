//! What a plan's jobs will need, predicted from their networks before anything runs.
//!
//! The coordinator admits jobs by it, and `sweep check` prints it. The network of a job is its own (`train`, `distill`) or
//! that of its input; what pruning takes out is not known yet, so a pruned network is predicted by the whole one, which is
//! never too little.

mod disk;
mod forecast;
mod likeness;
mod networks;

use std::sync::Arc;

use sweep_shared::plan::{ExpandedJob, ExpandedPlan};
use sweep_shared::spec::{DataSource, DataSpec, ModelSpec, PruneMethod, StageKind};

use crate::memory::{Needs, NeedsByParts};
use forecast::Forecast;

pub use networks::{FileAt, Network, Networks};

/// What one job is expected to need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prediction {
    /// The zoo's network that the job trains, or that its input was made from.
    pub network: Option<String>,
    /// Of the job's points, where known: not after channels were pruned.
    pub parameters: Option<u64>,
    /// Multiply–accumulates of one image, where known.
    pub macs: Option<u64>,
    /// What an attempt writes on its agent's disk, beside what it is given. 0 where nothing is known.
    pub disk_bytes: u64,
    /// What its points take at the coordinator. 0 where nothing is known.
    pub kept_bytes: u64,
    /// The runner's peak, by the number of parts that each batch is split into. Empty where nothing is known: a command.
    pub needs: NeedsByParts,
    /// Jobs that are equal in it take equally much; empty: nothing is learnt from what it takes.
    pub likeness: String,
}

impl Prediction {
    /// With whole batches.
    pub fn need(&self) -> Needs {
        self.needs.get(&1).copied().unwrap_or_default()
    }

    /// Who wrote the plan knows better, and better than what was measured.
    fn declare(&mut self, bytes: u64) {
        self.needs.entry(1).or_default();
        self.needs.values_mut().for_each(|need| *need = Needs::alike(bytes));
        self.likeness.clear();
    }
}

/// Predicts every job of the plan, in its order.
pub fn predict(plan: &ExpandedPlan, networks: &Networks) -> Vec<Prediction> {
    let mut forecast = Forecast::default();
    let mut all: Vec<Prediction> = Vec::with_capacity(plan.jobs.len());
    let mut lineage: Vec<Option<Lineage>> = Vec::with_capacity(plan.jobs.len());
    for job in &plan.jobs {
        let input = job.inputs.first().and_then(|i| lineage[*i].clone());
        let own = own_network(job, input.as_ref(), networks);
        let mut predicted =
            own.as_ref().map_or_else(Prediction::default, |own| prediction(&mut forecast, job, own, input.as_ref()));
        predicted.likeness = likeness::of(&job.spec, own.as_ref(), input.as_ref());
        if let Some(bytes) = job.policy.memory_bytes {
            predicted.declare(bytes);
        }
        all.push(predicted);
        lineage.push(own);
    }
    all
}

/// Where a job's network comes from.
#[derive(Debug, Clone)]
struct Lineage {
    name: String,
    network: Arc<Network>,
    /// Channels were taken out since.
    smaller: bool,
    /// What was built, and what was done with it since, as far as memory depends on it.
    past: String,
}

/// `None` for a command, and for a network that cannot be built: the plan's check has said so.
fn own_network(job: &ExpandedJob, input: Option<&Lineage>, networks: &Networks) -> Option<Lineage> {
    let size = job.spec.data.as_ref().map_or(32, image_size);
    let new = |model: &ModelSpec| {
        let network = networks.get(model, size).ok()?;
        let past = likeness::of_model(model, size);
        Some(Lineage { name: model.name().to_owned(), network, smaller: false, past })
    };
    match &job.spec.kind {
        StageKind::Train(train) => train.model.as_ref().map_or_else(|| input.cloned(), new),
        StageKind::Distill(distill) => new(&distill.model),
        StageKind::Prune(prune) => input.map(|i| {
            let structured = prune.method == PruneMethod::Structured;
            let past = if structured { format!("{}, pruned", i.past) } else { i.past.clone() };
            Lineage { smaller: i.smaller || structured, past, ..i.clone() }
        }),
        StageKind::Quantize(_) | StageKind::Evaluate(_) | StageKind::Measure(_) => input.cloned(),
        StageKind::Command(_) => None,
    }
}

fn image_size(data: &DataSpec) -> u32 {
    match &data.source {
        DataSource::Synthetic(_) | DataSource::Cifar10 { .. } => 32,
        DataSource::Folder { size, .. } => *size,
    }
}

fn prediction(forecast: &mut Forecast, job: &ExpandedJob, own: &Lineage, input: Option<&Lineage>) -> Prediction {
    let cost = (!own.smaller).then_some(&own.network.cost);
    Prediction {
        network: Some(own.name.clone()),
        parameters: cost.map(|cost| cost.parameters),
        macs: cost.map(|cost| cost.macs),
        disk_bytes: disk::written(&job.spec.kind, weights_bytes(&own.network)),
        kept_bytes: disk::kept(&job.spec.kind, weights_bytes(&own.network)),
        needs: forecast.needs(job, own, input),
        likeness: String::new(),
    }
}

/// As a file: in 32 bits, buffers included.
fn weights_bytes(network: &Network) -> u64 {
    network.graph.params().map(|(_, param)| 4 * param.shape.iter().product::<usize>() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::ContentHash;
    use sweep_shared::plan;

    fn predictions(text: &str) -> (ExpandedPlan, Vec<Prediction>) {
        let networks = Networks::new(Vec::new());
        let plan = plan::read(text, "plan.yaml", &networks.catalogue()).unwrap_or_else(|e| panic!("{e}"));
        let predicted = predict(&plan, &networks);
        (plan, predicted)
    }

    const PLAN: &str = "data: synthetic\nstages:\n  base: { train: { model: resnet18-cifar, batch: 64 } }
  student: { distill: { teacher: base, model: kd-conv4, batch: 64 } }\n  thin: { prune: { input: base } }
  sparse: { prune: { input: base, method: unstructured } }\n  int8: { quantize: { input: thin } }\n  cmd: { command: { run: [x] } }\n";

    fn of<'a>((plan, predicted): &'a (ExpandedPlan, Vec<Prediction>), stage: &str) -> &'a Prediction {
        &predicted[plan.jobs.iter().position(|j| j.spec.stage == stage).unwrap()]
    }

    #[test]
    fn a_job_has_its_own_network_or_its_inputs() {
        let all = predictions(PLAN);
        let base = of(&all, "base");
        assert_eq!((base.network.as_deref(), base.parameters), (Some("resnet18-cifar"), Some(11_173_962)));
        assert_eq!(of(&all, "student").network.as_deref(), Some("kd-conv4"));
        assert_eq!(of(&all, "sparse").parameters, base.parameters);
        assert_eq!((of(&all, "thin").parameters, of(&all, "int8").macs), (None, None), "what is left is not known yet");
        assert_eq!(of(&all, "int8").network.as_deref(), Some("resnet18-cifar"));
        let command = of(&all, "cmd");
        assert!(command.network.is_none() && command.likeness.starts_with("command "), "{command:?}");
    }

    #[test]
    fn memory_grows_with_the_batch_and_with_a_teacher() {
        let all = predictions(PLAN);
        let larger = predictions(&PLAN.replace("batch: 64 } }\n  student", "batch: 128 } }\n  student"));
        // On a GPU: on a CPU a job may be at its busiest when it publishes, whatever its batch.
        assert!(of(&larger, "base").need().cuda_bytes > of(&all, "base").need().cuda_bytes + (100 << 20));
        let alone = predictions("data: synthetic\nstages: { s: { train: { model: kd-conv4, batch: 64 } } }\n");
        assert!(of(&all, "student").need().cuda_bytes > of(&alone, "s").need().cuda_bytes);
        let (measure, base) = (of(&all, "measure").need(), of(&all, "base").need());
        assert!(measure.cpu_bytes < base.cpu_bytes && measure.cuda_bytes < base.cuda_bytes);
    }

    #[test]
    fn parts_of_batches_and_a_gpu_need_other_amounts() {
        let all = predictions(PLAN);
        let base = of(&all, "base");
        assert_eq!(base.needs.keys().copied().collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32]);
        assert_eq!(of(&all, "measure").needs.len(), 1, "what is measured is the batch that was asked for");
        assert!(of(&all, "cmd").needs.is_empty());
        let sizes: Vec<u64> = base.needs.values().map(|need| need.cuda_bytes).collect();
        assert!(sizes.is_sorted_by(|more, less| more > less), "{sizes:?}");
        let sizes: Vec<u64> = base.needs.values().map(|need| need.cpu_bytes).collect();
        assert!(sizes.is_sorted_by(|more, less| more >= less) && sizes[0] > sizes[2], "{sizes:?}");
        // On a GPU neither the images nor the copies that files are made of count; but its context does.
        let need = base.need();
        assert!(need.cpu_bytes != need.cuda_bytes && need.cuda_bytes > 0, "{need:?}");
    }

    #[test]
    fn jobs_are_alike_where_nothing_differs_that_memory_depends_on() {
        let likeness = |train: &str| {
            let text = format!("data: synthetic\nstages: {{ a: {{ train: {{ model: resnet18-cifar, {train} }} }} }}\n");
            of(&predictions(&text), "a").likeness.clone()
        };
        let usual = likeness("batch: 64");
        assert!(usual.starts_with("train resnet18-cifar "), "{usual}");
        for same in ["batch: 64, epochs: 9", "batch: 64, label_smoothing: 0.1", "batch: 64, schedule: constant"] {
            assert_eq!(likeness(same), usual, "{same}");
        }
        for other in ["batch: 32", "batch: 64, precision: bf16", "batch: 64, freeze: [\"layer1.*\"]"] {
            assert_ne!(likeness(other), usual, "{other}");
        }
        let all = predictions(PLAN);
        let said: std::collections::BTreeSet<&str> = all.1.iter().map(|job| job.likeness.as_str()).collect();
        assert!(said.iter().all(|likeness| !likeness.is_empty()), "{said:?}");
        assert_ne!(of(&all, "thin").likeness, of(&all, "sparse").likeness);
    }

    #[test]
    fn frozen_parts_need_less_memory_and_training_on_keeps_the_network() {
        let all = predictions(
            "data: synthetic\nstages:\n  base: { train: { model: { name: resnet18-cifar, width: 0.5 } } }
  head: { train: { input: base, unfreeze: [\"fc.*\"] } }\n  rest: { train: { input: head } }\n",
        );
        let (base, head, rest) = (of(&all, "base"), of(&all, "head"), of(&all, "rest"));
        assert_eq!((head.network.as_deref(), head.parameters), (Some("resnet18-cifar"), base.parameters));
        assert!(base.parameters.unwrap() < 4_000_000, "half as wide");
        assert_eq!(rest.need().cpu_bytes, base.need().cpu_bytes);
        assert!(head.need().cpu_bytes < base.need().cpu_bytes);
    }

    #[test]
    fn where_the_device_chooses_the_precision_the_larger_need_counts() {
        let bytes = |batch: u32, precision: &str| {
            let text = format!(
                "data: synthetic\nstages: {{ a: {{ train: {{ model: resnet18-cifar, batch: {batch}, precision: {precision} }} }} }}\n"
            );
            of(&predictions(&text), "a").need().cpu_bytes
        };
        // bf16 halves what many images leave behind, and keeps copies of the weights, which counts where there are few.
        assert!(bytes(256, "bf16") < bytes(256, "fp32"));
        assert_eq!(bytes(256, "auto"), bytes(256, "fp32"));
        assert_eq!(bytes(1, "auto"), bytes(1, "fp32").max(bytes(1, "bf16")));
    }

    #[test]
    fn networks_that_do_not_fit_are_known_before_anything_runs() {
        let known = Networks::new(Vec::new());
        let errors = |text: &str| plan::read(text, "plan.yaml", &known.catalogue()).unwrap_err().to_string();
        let tiny = "data: { name: folder, path: /d, size: 8 }\nstages: { a: { train: { model: alexnet } } }\n";
        assert!(errors(tiny).contains("`alexnet` does not fit images of 8×8"), "{}", errors(tiny));
        let pattern = "data: synthetic\nstages: { a: { train: { model: resnet18-cifar, freeze: [layr4.*] } } }\n";
        assert!(errors(pattern).contains("names no parameter of `resnet18-cifar`"), "{}", errors(pattern));
    }

    #[test]
    fn published_weights_come_with_their_url_hash_and_transform() {
        let networks = Networks::new(Vec::new());
        let text = "data: { name: folder, path: /d, size: 224, normalization: imagenet }\nstages:
  a: { train: { model: resnet18, weights: imagenet } }\n  b: { train: { model: googlenet, weights: imagenet } }\n";
        let plan = plan::read(text, "plan.yaml", &networks.catalogue()).unwrap_or_else(|e| panic!("{e}"));
        let model = |index: usize| plan.jobs[index].spec.kind.model().unwrap().clone();
        assert_eq!(model(0).published().unwrap().sha256_prefix, "f37072fd");
        assert!(model(0).published().unwrap().name().contains("f37072fd") && !model(0).transform_input);
        assert!(model(1).transform_input);
    }

    #[test]
    fn an_onnx_file_that_is_none_is_told_at_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.onnx");
        std::fs::write(&path, "not a network").unwrap();
        let file = FileAt { name: "mine.onnx".to_owned(), hash: ContentHash::of(b"not a network"), path };
        let networks = Networks::new(vec![file]);
        let text = "data: synthetic\nstages:\n  a: { train: { model: { onnx: mine.onnx } } }\n";
        let errors = plan::read(text, "plan.yaml", &networks.catalogue()).unwrap_err();
        assert_eq!(errors.errors[0].line, 3, "{errors}");
        assert!(errors.errors[0].message.contains("`mine.onnx` cannot be used"), "{errors}");
    }
}
