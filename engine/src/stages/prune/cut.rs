//! From a network to a sparser or smaller one.

use sweep_model::passes::prune::{self, Limits, PruneError, Structured, Unstructured};
use sweep_model::{Model, Op, Weights};
use sweep_shared::spec::{Criterion, PruneMethod, PruneSpec, Scope};

use crate::error::{Error, Result};
use crate::job::{Job, derive};
use crate::lower::Net;
use crate::train::reestimate_batch_norm;

/// Images that batch-norm statistics are re-estimated from: enough that the mean settles, cheap beside an epoch.
const STATISTICS_IMAGES: usize = 2048;
/// Keeps the random stream of re-estimation apart from those of the epochs.
const STATISTICS_STREAM: u64 = 1 << 32;

/// A network after a cut.
pub struct Cut {
    pub model: Model,
    /// What must stay zero: the single weights that were cut, now or before this stage.
    pub masks: Weights,
    /// Whether layers lost inputs, so that batch-norm statistics describe another network.
    pub statistics_changed: bool,
}

/// Cuts `model` to the sparsity `target`, a share of the original, which had `channels` prunable channels.
pub fn cut(model: &Model, spec: &PruneSpec, target: f64, channels: usize, seed: u64) -> Result<Cut> {
    let criterion = criterion(spec.criterion, derive(seed, "prune", 0));
    let scope = match spec.scope {
        Scope::Global => prune::Scope::Global,
        Scope::Layer => prune::Scope::Layer,
    };
    match spec.method {
        PruneMethod::Unstructured => {
            let options = Unstructured { amount: target, criterion, scope, ..Unstructured::default() };
            let masks = prune::masks(model, &options).map_err(refused)?;
            let mut model = model.clone();
            prune::apply_masks(&mut model.weights, &masks).map_err(|e| refused(e.into()))?;
            Ok(Cut { model, masks, statistics_changed: false })
        }
        PruneMethod::Structured => {
            let left = prunable_channels(model)?;
            let amount = (1.0 - (1.0 - target) * channels as f64 / left.max(1) as f64).max(0.0);
            let limits = Limits { round_to: spec.round_to.max(1) as usize, ..Limits::default() };
            let options = Structured { amount, criterion, scope, limits };
            let (model, report) = prune::structured(model, &options).map_err(refused)?;
            tracing::info!(before = report.before, after = report.after, target, "channels pruned");
            Ok(Cut { masks: prune::zeros(&model), model, statistics_changed: report.after < report.before })
        }
    }
}

/// Coupled channels that structured pruning could remove.
pub fn prunable_channels(model: &Model) -> Result<usize> {
    let groups = prune::group::groups(&model.graph).map_err(|e| refused(e.into()))?;
    Ok(groups.iter().map(|group| group.channels.len()).sum())
}

/// The share that is gone: of prunable weights, or of the `channels` prunable channels of the original.
pub fn sparsity(method: PruneMethod, model: &Model, channels: usize) -> Result<f64> {
    if method == PruneMethod::Structured {
        return Ok(1.0 - prunable_channels(model)? as f64 / channels.max(1) as f64);
    }
    let weighted = model.graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv2d(_) | Op::Linear(_)));
    let (mut all, mut nonzero) = (0, 0);
    for node in weighted {
        let weight = model.weights.param(&node.name, "weight").map_err(|e| refused(e.into()))?;
        all += weight.elements();
        nonzero += weight.nonzero();
    }
    Ok(1.0 - nonzero as f64 / all.max(1) as f64)
}

/// Re-estimates batch-norm statistics on training images, of which a training batch has `batch`.
pub fn refresh_statistics(job: &Job, net: &Net, cycle: usize, batch: u32) -> Result<()> {
    let loader = job.data()?.training(job.at_once()?.training(batch) as usize, job.spec().seed);
    let batches = STATISTICS_IMAGES.div_ceil(loader.batch());
    reestimate_batch_norm(net, &loader, STATISTICS_STREAM + cycle as u64, batches)
}

fn criterion(criterion: Criterion, seed: u64) -> prune::Criterion {
    match criterion {
        Criterion::L1 => prune::Criterion::L1,
        Criterion::L2 => prune::Criterion::L2,
        Criterion::BnScale => prune::Criterion::BnScale,
        Criterion::Random => prune::Criterion::Random { seed },
    }
}

fn refused(error: PruneError) -> Error {
    Error::BadInput(format!("the network cannot be pruned like this: {error}"))
}
