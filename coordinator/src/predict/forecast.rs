//! The memory of jobs: what `footprint` says that a runner does at its busiest, on networks whose size is counted from their graphs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sweep_model::Role;
use sweep_model::memory::{self, Precision, Setting};
use sweep_shared::plan::ExpandedJob;
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::footprint::{self, NetworkBytes, Subject, TrainingUse, Use};
use sweep_shared::spec::{self, AtOnce, FreezeSpec};

use super::{Lineage, Network, image_size};
use crate::memory::{Needs, NeedsByParts, numbers_of_parts};

/// Networks counted so far: a plan has few of them and many jobs.
#[derive(Default)]
pub struct Forecast {
    counted: HashMap<(*const Network, Load), NetworkBytes>,
}

/// What the memory of a network depends on beside itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Load {
    images: u32,
    /// The optimizer's numbers per parameter; `None`: no training.
    slots: Option<usize>,
    frozen: FreezeSpec,
    precision: spec::Precision,
}

impl Load {
    fn of(use_: &Use) -> Self {
        let inference = (None, FreezeSpec::default(), spec::Precision::Fp32);
        let (slots, frozen, precision) = use_.training.as_ref().map_or(inference, |training| {
            let TrainingUse { frozen, optimizer_slots, precision } = training;
            (Some(*optimizer_slots), (*frozen).clone(), *precision)
        });
        Self { images: use_.images, slots, frozen, precision }
    }
}

impl Forecast {
    /// For every number of parts that the runner can do.
    pub fn needs(&mut self, job: &ExpandedJob, own: &Lineage, input: Option<&Lineage>) -> NeedsByParts {
        let numbers = numbers_of_parts(job.spec.kind.most_micro_batches());
        let mut need = |parts: u32| {
            let mut on = |device| self.busiest(job, own, input, device, parts);
            (parts, Needs { cpu_bytes: on(DeviceClass::Cpu), cuda_bytes: on(DeviceClass::Cuda) })
        };
        numbers.map(&mut need).collect()
    }

    fn busiest(
        &mut self,
        job: &ExpandedJob,
        own: &Lineage,
        input: Option<&Lineage>,
        device: DeviceClass,
        parts: u32,
    ) -> u64 {
        let size = job.spec.data.as_ref().map_or(32, image_size) as usize;
        let data_bytes = job.spec.data.as_ref().map_or(0, |data| footprint::data(&data.source).0);
        let setting = footprint::Setting { device, at_once: AtOnce::new(parts, size, size), data_bytes };
        footprint::busiest(&job.spec.kind, &setting, |subject, use_| {
            let teacher = input.filter(|_| subject == Subject::Teacher);
            self.count(teacher.unwrap_or(own), use_)
        })
    }

    fn count(&mut self, lineage: &Lineage, use_: &Use) -> NetworkBytes {
        // A network lives as long as `networks`, so its address stands for it.
        let key = (Arc::as_ptr(&lineage.network), Load::of(use_));
        if let Some(&bytes) = self.counted.get(&key) {
            return bytes;
        }
        let bytes = of_network(&lineage.network, &key.1);
        self.counted.insert(key, bytes);
        bytes
    }
}

/// Where the device chooses the precision, the larger need counts.
fn of_network(network: &Network, load: &Load) -> NetworkBytes {
    let setting = match load.slots {
        None => Setting::inference(load.images as usize),
        Some(slots) => {
            let parameters = network.graph.params().filter(|(_, param)| param.role == Role::Parameter);
            let frozen: HashSet<String> =
                parameters.map(|(name, _)| name).filter(|name| load.frozen.is_frozen(name)).collect();
            Setting::training(load.images as usize, slots).frozen(frozen)
        }
    };
    let precisions: &[Precision] = match load.precision {
        spec::Precision::Auto => &[Precision::Fp32, Precision::Bf16],
        spec::Precision::Fp32 => &[Precision::Fp32],
        spec::Precision::Bf16 => &[Precision::Bf16],
    };
    let counted = precisions.iter().filter_map(|&precision| {
        let memory = memory::predict(&network.graph, &setting.clone().precision(precision)).ok()?;
        let bytes = NetworkBytes {
            weights: memory.weights,
            gradients: memory.gradients,
            optimizer: memory.optimizer,
            best_epoch: memory.best_epoch,
            activations: memory.activations,
            workspace: memory.workspace,
        };
        Some((memory.total(), bytes))
    });
    counted.max_by_key(|(total, _)| *total).map(|(_, bytes)| bytes).unwrap_or_default()
}
