//! What a plan's jobs will need, predicted from their networks before anything runs.
//!
//! The coordinator admits jobs by it, and `sweep check` prints it. The network of a job is its own (`train`, `distill`) or
//! that of its input; what pruning takes out is not known yet, so a pruned network is predicted by the whole one, which is
//! never too little.

use std::collections::{BTreeMap, HashMap};

use sweep_model::memory::{self, Setting};
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Graph, cost};
use sweep_shared::ids::ContentHash;
use sweep_shared::plan::{Catalogue, ExpandedJob, ExpandedPlan};
use sweep_shared::spec::{DataSource, DataSpec, FitSpec, OptimizerSpec, PruneMethod, StageKind};

/// What a runner holds beside the network: libtorch, ONNX Runtime, decoded images. Seen with `small-cnn` on generated data on a
/// CPU: 0.42 GB; the rest is for larger data sets.
pub const RUNNER_BYTES: u64 = 512 << 20;

/// Images that evaluation and calibration take at once.
const EVALUATION_BATCH: usize = 256;

/// What one job is expected to need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prediction {
    /// The zoo's network that the job trains, or that its input was made from.
    pub network: Option<String>,
    /// Of the job's points, where known: not after channels were pruned.
    pub parameters: Option<u64>,
    /// Multiply–accumulates of one image, where known.
    pub macs: Option<u64>,
    /// The runner's peak. 0 where nothing is known: a command.
    pub memory_bytes: u64,
}

/// What plans may name: the zoo's networks, and the files that came with this one.
pub fn catalogue(files: BTreeMap<String, ContentHash>) -> Catalogue {
    Catalogue { models: zoo::names().map(str::to_owned).collect(), fits, files }
}

/// How many classes a folder has is known where it lies; no network's strides depend on it.
const CLASSES: usize = 10;

fn options(size: u32) -> ZooOptions {
    ZooOptions::new([3, size as usize, size as usize], CLASSES)
}

fn fits(model: &str, size: u32) -> Result<(), String> {
    zoo::build(model, &options(size)).map(drop).map_err(|e| e.to_string())
}

/// Predicts every job of the plan, in its order.
pub fn predict(plan: &ExpandedPlan) -> Vec<Prediction> {
    let mut networks = Networks::default();
    let mut all: Vec<Prediction> = Vec::with_capacity(plan.jobs.len());
    let mut lineage: Vec<Option<Lineage>> = Vec::with_capacity(plan.jobs.len());
    for job in &plan.jobs {
        let input = job.inputs.first().and_then(|i| lineage[*i].clone());
        let own = own_network(job, input.as_ref());
        all.push(own.as_ref().map_or_else(Prediction::default, |own| networks.prediction(job, own, input.as_ref())));
        lineage.push(own);
    }
    all
}

/// Where a job's network comes from.
#[derive(Debug, Clone)]
struct Lineage {
    model: String,
    size: u32,
    /// Channels were taken out since.
    smaller: bool,
}

fn own_network(job: &ExpandedJob, input: Option<&Lineage>) -> Option<Lineage> {
    let size = job.spec.data.as_ref().map_or(32, image_size);
    let new = |model: &String| Some(Lineage { model: model.clone(), size, smaller: false });
    match &job.spec.kind {
        StageKind::Train(train) => new(&train.model),
        StageKind::Distill(distill) => new(&distill.model),
        StageKind::Prune(prune) => {
            input.map(|i| Lineage { smaller: i.smaller || prune.method == PruneMethod::Structured, ..i.clone() })
        }
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

/// Graphs by name and image size: a plan names few and has many jobs. Predictions likewise.
#[derive(Default)]
struct Networks {
    graphs: HashMap<(String, u32), Option<(Graph, cost::Cost)>>,
    bytes: HashMap<(String, u32, usize, usize, bool), u64>,
}

impl Networks {
    fn prediction(&mut self, job: &ExpandedJob, own: &Lineage, input: Option<&Lineage>) -> Prediction {
        let network = self.bytes_of_job(job, own, input);
        let known = self.graph(own).filter(|_| !own.smaller).map(|(_, cost)| (cost.parameters, cost.macs));
        Prediction {
            network: Some(own.model.clone()),
            parameters: known.map(|k| k.0),
            macs: known.map(|k| k.1),
            memory_bytes: network + RUNNER_BYTES,
        }
    }

    fn bytes_of_job(&mut self, job: &ExpandedJob, own: &Lineage, input: Option<&Lineage>) -> u64 {
        let evaluation = self.bytes(own, EVALUATION_BATCH, 0, false);
        let busiest = match &job.spec.kind {
            StageKind::Train(train) => self.training(own, &train.fit),
            StageKind::Distill(distill) => {
                let teacher = input.map_or(0, |teacher| self.bytes(teacher, distill.fit.batch as usize, 0, false));
                self.training(own, &distill.fit) + teacher
            }
            StageKind::Prune(prune) => self.training(own, &prune.retrain),
            StageKind::Quantize(quantize) => quantize.fit.as_ref().map_or(0, |fit| self.training(own, fit)),
            StageKind::Measure(measure) => {
                // Two networks lie in memory, and one runs at a time.
                let batch = measure.batches.iter().max().copied().unwrap_or(1) as usize;
                return 2 * self.bytes(own, batch, 0, false);
            }
            StageKind::Evaluate(_) | StageKind::Command(_) => 0,
        };
        busiest.max(evaluation)
    }

    fn training(&mut self, network: &Lineage, fit: &FitSpec) -> u64 {
        let slots = match fit.optimizer {
            OptimizerSpec::Sgd { momentum, .. } => usize::from(momentum > 0.0),
            OptimizerSpec::Adamw { .. } => 2,
        };
        self.bytes(network, fit.batch as usize, slots, true)
    }

    /// 0 for a network that cannot be built: the plan's check has said so.
    fn bytes(&mut self, network: &Lineage, batch: usize, slots: usize, training: bool) -> u64 {
        let key = (network.model.clone(), network.size, batch, slots, training);
        if let Some(&bytes) = self.bytes.get(&key) {
            return bytes;
        }
        let setting = if training { Setting::training(batch, slots) } else { Setting::inference(batch) };
        let predicted = self.graph(network).and_then(|(graph, _)| memory::predict(graph, &setting).ok());
        let bytes = predicted.map_or(0, |memory| memory.total());
        self.bytes.insert(key, bytes);
        bytes
    }

    fn graph(&mut self, network: &Lineage) -> Option<&(Graph, cost::Cost)> {
        let build = || {
            let graph = zoo::build(&network.model, &options(network.size)).ok()?;
            let cost = cost::count(&graph).ok()?;
            Some((graph, cost))
        };
        self.graphs.entry((network.model.clone(), network.size)).or_insert_with(build).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::plan;

    fn predictions(text: &str) -> (ExpandedPlan, Vec<Prediction>) {
        let plan = plan::read(text, "plan.yaml", &catalogue(BTreeMap::new())).unwrap_or_else(|e| panic!("{e}"));
        let predicted = predict(&plan);
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
        assert_eq!(of(&all, "cmd"), &Prediction::default());
    }

    #[test]
    fn memory_grows_with_the_batch_and_with_a_teacher() {
        let all = predictions(PLAN);
        let larger = predictions(&PLAN.replace("batch: 64 } }\n  student", "batch: 128 } }\n  student"));
        assert!(of(&larger, "base").memory_bytes > of(&all, "base").memory_bytes + (100 << 20));
        let alone = predictions("data: synthetic\nstages: { s: { train: { model: kd-conv4, batch: 64 } } }\n");
        assert!(of(&all, "student").memory_bytes > of(&alone, "s").memory_bytes);
        assert!(of(&all, "measure").memory_bytes < of(&all, "base").memory_bytes);
    }

    #[test]
    fn networks_that_do_not_fit_are_known_before_anything_runs() {
        let known = catalogue(BTreeMap::new());
        assert!(known.models.iter().any(|m| m == "small-cnn"));
        assert_eq!((known.fits)("small-cnn", 32), Ok(()));
        let too_small = known.models.iter().filter_map(|model| (known.fits)(model, 1).err());
        assert!(too_small.count() > 0, "some networks need more than one pixel");
    }
}
