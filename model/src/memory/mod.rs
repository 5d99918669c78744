//! How much memory a job will need, before anything is loaded.
//!
//! The prediction counts what the engine keeps: weights, a copy of those of the best epoch, gradients, optimizer state, and the
//! values that the backward pass reads again. It leaves out what belongs to the device and not to the network (the CUDA context, cuDNN's workspaces,
//! libtorch itself); measured peaks of finished jobs correct it.
//!
//! [`flow`] finds which nodes write memory of their own and which overwrite or view another's, and how wide its elements are
//! under autocast; [`kept`] knows what each op's backward pass reads; [`alive`] how much lives at once in a forward pass.

mod alive;
mod flow;
mod kept;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::graph::{Graph, Node};
use crate::op::Role;
use crate::shape::{self, ShapeError};
use flow::{Flow, Step};

const F32: u64 = 4;
const BF16: u64 = 2;

/// In which numbers a network computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits everywhere.
    Fp32,
    /// bf16 autocast: convolutions, linear layers and attention compute in 16 bits; weights, gradients and the optimizer's
    /// state stay in 32. Quantized networks compute in fp32 nevertheless, as their simulation does.
    Bf16,
}

/// What a network is run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Images at once.
    pub batch: usize,
    /// In which numbers.
    pub precision: Precision,
    /// `None` for inference.
    pub training: Option<Training>,
}

/// What training keeps besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Training {
    /// Numbers per parameter: 1 for SGD with momentum, 2 for Adam.
    pub optimizer_slots: usize,
    /// Full names of the parameters that are not trained.
    pub frozen: HashSet<String>,
}

impl Setting {
    /// Forward passes in fp32.
    pub fn inference(batch: usize) -> Self {
        Self { batch, precision: Precision::Fp32, training: None }
    }

    /// Training of all parameters in fp32.
    pub fn training(batch: usize, optimizer_slots: usize) -> Self {
        let training = Training { optimizer_slots, frozen: HashSet::new() };
        Self { batch, precision: Precision::Fp32, training: Some(training) }
    }

    /// Sets the precision.
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Sets which parameters are not trained; without effect on inference.
    pub fn frozen(self, frozen: HashSet<String>) -> Self {
        let training = self.training.map(|training| Training { frozen, ..training });
        Self { training, ..self }
    }
}

/// Predicted bytes, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Parameters, buffers and quantizers; under autocast also the 16-bit copies of the weights.
    pub weights: u64,
    /// One gradient per trained parameter; 0 for inference.
    pub gradients: u64,
    /// `optimizer_slots` numbers per trained parameter; 0 for inference.
    pub optimizer: u64,
    /// Parameters, buffers and quantizers as they were after the best epoch; 0 for inference.
    pub best_epoch: u64,
    /// Training: all values kept for the backward pass. Inference: the most that is alive at once.
    pub activations: u64,
    /// What one op holds besides while it runs: the gradients of its output and input, or a reordered copy.
    pub workspace: u64,
}

impl Memory {
    /// The sum, in bytes.
    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.optimizer + self.best_epoch + self.activations + self.workspace
    }
}

/// What one node adds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeMemory {
    /// Its parameters, buffers and quantizers, and their copies under autocast.
    pub weights: u64,
    /// Their gradients.
    pub gradients: u64,
    /// The optimizer's state for them.
    pub optimizer: u64,
    /// The best epoch's copy of them.
    pub best_epoch: u64,
    /// Training: what is kept of its value, and beside it, for the backward pass. Inference: its value, or 0 where that lies
    /// in the memory of another node's.
    pub activations: u64,
}

/// Predicts the memory of a job on this graph. Inference runs what the logits need, training the auxiliary classifiers, too.
pub fn predict(graph: &Graph, setting: &Setting) -> Result<Memory, ShapeError> {
    let shapes = shape::infer(graph)?;
    let flow = Flow::new(graph, setting, &shapes);
    let batch = setting.batch as u64;
    let largest = flow.steps.iter().map(Step::bytes).max().unwrap_or(0);
    let (activations, workspace) = match &setting.training {
        Some(_) => (kept::bytes(&flow).iter().sum(), 2 * largest),
        None => (alive::most(&flow), largest),
    };
    let mut memory = Memory { activations: activations * batch, workspace: workspace * batch, ..Memory::default() };
    for node in flow.steps.iter().map(|step| tensors(step.node, setting, flow.half)) {
        memory.weights += node.weights;
        memory.gradients += node.gradients;
        memory.optimizer += node.optimizer;
        memory.best_epoch += node.best_epoch;
    }
    Ok(memory)
}

/// The same by node, in graph order: names, and what each adds. Nodes that do not run (auxiliary classifiers in inference)
/// are left out.
pub fn by_node(graph: &Graph, setting: &Setting) -> Result<Vec<(String, NodeMemory)>, ShapeError> {
    let shapes = shape::infer(graph)?;
    let flow = Flow::new(graph, setting, &shapes);
    let activations = match &setting.training {
        Some(_) => kept::bytes(&flow),
        None => flow.own_bytes(),
    };
    let batch = setting.batch as u64;
    let nodes = flow.steps.iter().zip(activations).map(|(step, bytes)| {
        let memory = NodeMemory { activations: bytes * batch, ..tensors(step.node, setting, flow.half) };
        (step.node.name.clone(), memory)
    });
    Ok(nodes.collect())
}

/// What a node's tensors take; nothing is said about activations.
fn tensors(node: &Node, setting: &Setting, half: bool) -> NodeMemory {
    let copied = half && flow::computes_in_half(&node.op);
    let mut memory = NodeMemory::default();
    for (name, param) in node.params() {
        let elements = param.elements() as u64;
        memory.weights += elements * if copied { F32 + BF16 } else { F32 };
        memory.best_epoch += if setting.training.is_some() { elements * F32 } else { 0 };
        if let (Some(training), Role::Parameter) = (&setting.training, param.role)
            && !training.frozen.contains(&name)
        {
            memory.gradients += elements * F32;
            memory.optimizer += elements * F32 * training.optimizer_slots as u64;
        }
    }
    memory
}
