//! What a network needs in memory, for the batch sizes, precisions and frozen layers that were asked for.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use clap::ValueEnum;
use comfy_table::CellAlignment;
use serde_json::{Value, json};
use sweep_model::cost::NodeCost;
use sweep_model::memory::{self, Memory, NodeMemory, Precision, Setting};
use sweep_model::shape::ShapeError;
use sweep_model::{Graph, Param, Role};
use sweep_shared::spec::FreezeSpec;

use super::layers::Column;
use crate::exit::{Failure, Outcome};
use crate::{format, terminal};

/// For what memory is predicted.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Images at once, for the memory
    #[arg(long, value_delimiter = ',', default_value = "1,32", value_name = "N,…", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Vec<u32>,
    /// In which numbers it computes
    #[arg(long, value_delimiter = ',', default_value = "fp32,bf16", value_name = "P,…")]
    precision: Vec<Numbers>,
    /// What it is trained with
    #[arg(long, default_value = "sgd")]
    optimizer: Optimizer,
    /// Names of parameters that are not trained, as in a plan: '*' stands for any characters
    #[arg(long, value_delimiter = ',', value_name = "PATTERN,…")]
    freeze: Vec<String>,
    /// Names of those among them that are trained nevertheless
    #[arg(long, value_delimiter = ',', value_name = "PATTERN,…", requires = "freeze")]
    unfreeze: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Numbers {
    /// 32 bits
    Fp32,
    /// bf16 autocast, with weights in 32 bits
    Bf16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Optimizer {
    /// With momentum
    Sgd,
    /// Two numbers for each parameter
    Adamw,
}

/// The predictions for one batch size and precision.
struct Prediction {
    batch: u32,
    precision: Numbers,
    training: Memory,
    inference: Memory,
}

impl Numbers {
    fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }

    fn precision(self) -> Precision {
        match self {
            Self::Fp32 => Precision::Fp32,
            Self::Bf16 => Precision::Bf16,
        }
    }
}

/// What was asked for, of one network.
pub struct Question<'a> {
    args: &'a Args,
    graph: &'a Graph,
    frozen: HashSet<String>,
}

impl<'a> Question<'a> {
    /// A mistake if a pattern names no parameter of the network.
    pub fn new(args: &'a Args, graph: &'a Graph) -> Outcome<Self> {
        let spec = FreezeSpec { freeze: args.freeze.clone(), unfreeze: args.unfreeze.clone() };
        let parameters: Vec<String> = parameters(graph).map(|(name, _)| name).collect();
        if let Some(pattern) = spec.idle(&parameters).next() {
            let name = &graph.name;
            let hint = parameters.last().map_or_else(String::new, |last| format!("its last parameter is {last}"));
            return Err(Failure::usage(format!("{pattern:?} names no parameter of {name}")).hint(hint));
        }
        Ok(Self { args, graph, frozen: parameters.into_iter().filter(|name| spec.is_frozen(name)).collect() })
    }

    /// Elements of the parameters that are not trained.
    pub fn frozen_parameters(&self) -> u64 {
        let frozen = parameters(self.graph).filter(|(name, _)| self.frozen.contains(name));
        frozen.map(|(_, param)| param.elements() as u64).sum()
    }

    fn training(&self, batch: u32, precision: Numbers) -> Setting {
        let slots = match self.args.optimizer {
            Optimizer::Sgd => 1,
            Optimizer::Adamw => 2,
        };
        Setting::training(batch as usize, slots).precision(precision.precision()).frozen(self.frozen.clone())
    }

    fn inference(batch: u32, precision: Numbers) -> Setting {
        Setting::inference(batch as usize).precision(precision.precision())
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, Numbers)> {
        let precisions = &self.args.precision;
        self.args.batch.iter().flat_map(|&batch| precisions.iter().map(move |&precision| (batch, precision)))
    }

    /// Those that layers are shown for.
    fn first(&self) -> (u32, Numbers) {
        self.pairs().next().unwrap_or((1, Numbers::Fp32))
    }

    fn predictions(&self) -> Result<Vec<Prediction>, ShapeError> {
        let predict = |(batch, precision)| {
            let training = memory::predict(self.graph, &self.training(batch, precision))?;
            let inference = memory::predict(self.graph, &Self::inference(batch, precision))?;
            Ok(Prediction { batch, precision, training, inference })
        };
        self.pairs().map(predict).collect()
    }

    fn by_name(&self, setting: &Setting) -> Result<HashMap<String, NodeMemory>, ShapeError> {
        Ok(memory::by_node(self.graph, setting)?.into_iter().collect())
    }
}

fn parameters(graph: &Graph) -> impl Iterator<Item = (String, Param)> {
    graph.params().filter(|(_, param)| param.role == Role::Parameter)
}

/// Totals: a line for each batch size.
pub fn table(question: &Question) -> Result<String, ShapeError> {
    let (args, predictions) = (question.args, question.predictions()?);
    let titles = |purpose: &'static str| args.precision.iter().map(move |p| format!("{purpose} {}", p.name()));
    let header: Vec<String> =
        ["batch".to_owned()].into_iter().chain(titles("training")).chain(titles("inference")).collect();
    let mut table = terminal::table(header.iter().map(String::as_str), None);
    for batch in predictions.chunks(args.precision.len().max(1)) {
        let bytes = |of: fn(&Prediction) -> Memory| batch.iter().map(move |p| format::bytes(of(p).total() as f64));
        let cells = batch.first().map(|p| p.batch.to_string()).into_iter();
        table.add_row(cells.chain(bytes(|p| p.training)).chain(bytes(|p| p.inference)));
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let optimizer = match args.optimizer {
        Optimizer::Sgd => "SGD with momentum",
        Optimizer::Adamw => "AdamW",
    };
    Ok(format!("Memory, with {optimizer} in training:\n{}", table.trim_fmt()))
}

/// What each layer needs at the first batch size and precision that were asked for, as columns of the table of layers.
pub fn columns(question: &Question) -> Result<Vec<Column<'static>>, ShapeError> {
    let (batch, precision) = question.first();
    let training = Rc::new(question.by_name(&question.training(batch, precision))?);
    let inference = question.by_name(&Question::inference(batch, precision))?;
    let tensors = Rc::clone(&training);
    let bytes = |title, of: Box<dyn Fn(&NodeCost) -> u64>| Column { title, of, write: format::bytes };
    let state = |node: &NodeMemory| node.weights + node.gradients + node.optimizer + node.best_epoch;
    Ok(vec![
        bytes("state", Box::new(move |node| tensors.get(&node.name).map_or(0, state))),
        bytes("kept", Box::new(move |node| training.get(&node.name).map_or(0, |node| node.activations))),
        bytes("value", Box::new(move |node| inference.get(&node.name).map_or(0, |node| node.activations))),
    ])
}

/// What [`columns`] mean.
pub fn legend(question: &Question) -> String {
    let (batch, precision) = question.first();
    format!(
        "state: weights, their copy of the best epoch, gradients, optimizer; kept: what\n\
         training keeps of the layer for the backward pass; value: its output in\n\
         inference, where that has memory of its own. All at batch {batch} in {}.",
        precision.name()
    )
}

/// For `--json`: the totals, one object for each batch size and precision.
pub fn totals(question: &Question) -> Result<Value, ShapeError> {
    let object = |p: &Prediction| {
        json!({
            "batch": p.batch,
            "precision": p.precision.name(),
            "training": parts(&p.training),
            "inference": parts(&p.inference),
        })
    };
    Ok(question.predictions()?.iter().map(object).collect())
}

/// For `--json`: what each node needs, by its name; one object for each batch size and precision.
pub fn by_node(question: &Question) -> Result<HashMap<String, Vec<Value>>, ShapeError> {
    let mut nodes: HashMap<String, Vec<Value>> = HashMap::new();
    for (batch, precision) in question.pairs() {
        let inference = question.by_name(&Question::inference(batch, precision))?;
        for (name, training) in question.by_name(&question.training(batch, precision))? {
            let object = json!({
                "batch": batch,
                "precision": precision.name(),
                "weights_bytes": training.weights,
                "gradients_bytes": training.gradients,
                "optimizer_bytes": training.optimizer,
                "best_epoch_bytes": training.best_epoch,
                "training_activations_bytes": training.activations,
                "inference_activations_bytes": inference.get(&name).map_or(0, |node| node.activations),
            });
            nodes.entry(name).or_default().push(object);
        }
    }
    Ok(nodes)
}

fn parts(memory: &Memory) -> Value {
    json!({
        "total_bytes": memory.total(),
        "weights_bytes": memory.weights,
        "gradients_bytes": memory.gradients,
        "optimizer_bytes": memory.optimizer,
        "best_epoch_bytes": memory.best_epoch,
        "activations_bytes": memory.activations,
        "workspace_bytes": memory.workspace,
    })
}
