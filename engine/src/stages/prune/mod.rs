//! `prune`: remove a little, retrain, and again (Han et al. 2015), keeping a point at each sparsity asked for.
//!
//! [`cycles`](sweep_shared::spec::cycles) says how far each cycle goes, [`cut`] makes the sparser or smaller network, and this file
//! runs them in turn. A checkpoint knows its cycle and the network's graph, which structural pruning changes.

mod cut;

use std::time::Instant;

use sweep_model::{Graph, Model, Tensor};
use sweep_shared::metrics::Metrics;
use sweep_shared::spec::cycles::{self, Cycle};
use sweep_shared::spec::{FreezeSpec, PruneSpec, Role};

use super::{check_fits_data, fit_metrics, publish, trainable};
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::lower::Net;
use crate::train::{CrossEntropy, Fit, Fitted, Masks};

pub fn run(job: &mut Job, spec: &PruneSpec) -> Result<()> {
    if let Some(problem) = cycles::problem(spec.per_cycle, &spec.keep) {
        return Err(Error::BadInput(problem));
    }
    let mut model = job.input_model(Role::Input)?;
    check_fits_data(job, &model.graph)?;
    if model.graph.is_quantized() {
        return Err(Error::BadInput(format!(
            "the network {:?} is quantized; prune before quantizing",
            model.graph.name
        )));
    }
    let cycles = cycles::cycles(spec.per_cycle, &spec.keep);
    let mut stage = Stage::new(&model.graph, cut::prunable_channels(&model)?);
    let mut resumed = job.take_resumed();
    if let Some(reader) = &resumed {
        reader.part("stage", &mut stage)?;
    }
    for index in stage.cycle..cycles.len() {
        let reader = resumed.take();
        if reader.is_none() {
            stage.cycle = index;
        }
        let retrained = Round { job, spec, cycles: &cycles, stage: &mut stage }.run(&model, reader)?;
        model = retrained.model;
        if cycles[index].keep {
            let mut metrics = fit_metrics(&retrained.fitted);
            metrics.extend(sparsity(spec, &model, &stage)?);
            publish::point(job, &PruneSpec::point_name(cycles[index].sparsity), &model, metrics)?;
        }
    }
    Ok(())
}

/// The share that is really gone: limits and rounding may leave more than was asked.
fn sparsity(spec: &PruneSpec, model: &Model, stage: &Stage) -> Result<Metrics> {
    let share = cut::sparsity(spec.method, model, stage.channels)?;
    Ok(Metrics::from([("sparsity".to_owned(), share)]))
}

/// One cycle.
struct Round<'a> {
    job: &'a mut Job,
    spec: &'a PruneSpec,
    cycles: &'a [Cycle],
    stage: &'a mut Stage,
}

struct Retrained {
    model: Model,
    fitted: Fitted,
}

impl Round<'_> {
    /// Cuts `model` and retrains it; or, given a checkpoint of this cycle, continues retraining.
    fn run(&mut self, model: &Model, resumed: Option<StateReader>) -> Result<Retrained> {
        let (mut net, masks) = if resumed.is_some() {
            (self.net(&blank(&self.stage.graph))?, Masks::on(self.job.device))
        } else {
            self.cut(model)?
        };
        let retrain = &self.spec.retrain;
        let mut objective = CrossEntropy { label_smoothing: retrain.label_smoothing, masks };
        let fit = Fit {
            spec: retrain,
            phase: "retrain",
            first_epoch: self.stage.cycle as u32 * retrain.epochs,
            job_epochs: self.cycles.len() as u32 * retrain.epochs,
            stage: &*self.stage,
        };
        let fitted = fit.run(self.job, &mut net, &mut objective, resumed)?;
        Ok(Retrained { model: net.to_model()?, fitted })
    }

    fn net(&self, model: &Model) -> Result<Net> {
        trainable(self.job, model, &FreezeSpec::default())
    }

    fn cut(&mut self, model: &Model) -> Result<(Net, Masks)> {
        let started = Instant::now();
        let target = self.cycles[self.stage.cycle].sparsity;
        let seed = self.job.spec().seed;
        let cut = cut::cut(model, self.spec, target, self.stage.channels, seed)?;
        self.stage.graph = cut.model.graph.clone();
        let net = self.net(&cut.model)?;
        if let Some(statistics) = cut.statistics_changed.then_some(self.stage.cycle) {
            cut::refresh_statistics(self.job, &net, statistics, self.spec.retrain.batch)?;
        }
        self.job.preparation_s += started.elapsed().as_secs_f64();
        Ok((net, Masks::new(&cut.masks, self.job.device)?))
    }
}

/// The network with all values zero, to be filled from a checkpoint.
fn blank(graph: &Graph) -> Model {
    let weights = graph.params().map(|(name, param)| (name, Tensor::zeros(param.shape))).collect();
    Model { graph: graph.clone(), weights }
}

/// How far a prune job is.
struct Stage {
    /// The cycle under way, counted from 0.
    cycle: usize,
    /// The network after this cycle's cut.
    graph: Graph,
    /// Prunable channels of the network that was given.
    channels: usize,
}

impl Stage {
    fn new(graph: &Graph, channels: usize) -> Self {
        Self { cycle: 0, graph: graph.clone(), channels }
    }
}

impl State for Stage {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        writer.value("cycle", &self.cycle)?;
        writer.value("graph", &self.graph)
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        self.cycle = reader.value("cycle")?;
        self.graph = reader.value("graph")?;
        Ok(())
    }
}
