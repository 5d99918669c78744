//! A network in libtorch.

use std::cell::Cell;
use std::collections::HashMap;

use sweep_model::{Graph, Model, Role, Weights};
use tch::{Device, Kind, Tensor};

use super::convert::{channels_last, to_model_tensor, to_torch};
use super::hook::{Hook, NoHook};
use super::program::Program;
use super::{Error, Result, compile};
use crate::checkpoint::{self, State, StateReader, StateWriter};

/// Whether a forward pass belongs to training (batch statistics, dropout) or to evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Train,
    Eval,
}

/// Where the scales of fake-quantized weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightScales {
    /// From the largest magnitude of the weights of the moment, in every pass; stored in `weight_scale`.
    Live,
    /// What `weight_scale` holds.
    Frozen,
}

/// A model's tensors on a device, and its program. Running it does not need `&mut`: libtorch updates running statistics in
/// place. Not `Sync`: one thread runs a net.
pub struct Net {
    graph: Graph,
    device: Device,
    kind: Kind,
    names: Vec<String>,
    roles: Vec<Role>,
    /// Beside `roles`: parameters that are not trained.
    frozen: Vec<bool>,
    tensors: Vec<Tensor>,
    pub(super) program: Program,
    pub(super) switches: Switches,
}

/// What quantization-aware training turns on and off.
pub(super) struct Switches {
    pub activations: Cell<bool>,
    pub weights: Cell<bool>,
    pub weight_scales: Cell<WeightScales>,
    pub batch_norm_frozen: Cell<bool>,
    /// Overrides every batch norm's momentum while statistics are re-estimated.
    pub momentum: Cell<Option<f64>>,
    /// See [`Net::set_share`].
    pub share: Cell<f64>,
}

impl Net {
    /// Moves a model's weights to `device`. Parameters require gradients; quantization, where the graph has any, is on,
    /// with frozen scales.
    pub fn new(model: &Model, device: Device) -> Result<Self> {
        Self::of_kind(model, device, Kind::Float)
    }

    /// [`Self::new`], but computing in f64: slow, and so exact that rounding explains no difference from another program.
    pub fn double(model: &Model, device: Device) -> Result<Self> {
        Self::of_kind(model, device, Kind::Double)
    }

    fn of_kind(model: &Model, device: Device, kind: Kind) -> Result<Self> {
        let mut net = Self { kind, ..Self::empty(&model.graph, device)? };
        for (name, param) in model.graph.params() {
            let array = model.weights.get(&name)?;
            if array.shape != param.shape {
                return Err(Error::Shape { name, found: array.shape.clone(), wanted: param.shape });
            }
            let tensor = to_torch(array, device)?.f_to_kind(kind)?;
            net.tensors.push(layout(&tensor, device)?.f_set_requires_grad(param.role == Role::Parameter)?);
        }
        Ok(net)
    }

    fn empty(graph: &Graph, device: Device) -> Result<Self> {
        let params: Vec<_> = graph.params().collect();
        let names: Vec<String> = params.iter().map(|(name, _)| name.clone()).collect();
        let indices: HashMap<_, _> = names.iter().cloned().zip(0..).collect();
        let switches = Switches {
            activations: Cell::new(true),
            weights: Cell::new(true),
            weight_scales: Cell::new(WeightScales::Frozen),
            batch_norm_frozen: Cell::new(false),
            momentum: Cell::new(None),
            share: Cell::new(1.0),
        };
        let program = compile::compile(graph, &indices)?;
        let roles = params.iter().map(|(_, param)| param.role).collect();
        let (graph, frozen) = (graph.clone(), vec![false; params.len()]);
        Ok(Self { graph, device, kind: Kind::Float, names, roles, frozen, tensors: Vec::new(), program, switches })
    }

    /// The weights as they are now, as a model.
    pub fn to_model(&self) -> Result<Model> {
        let mut weights = Weights::new();
        for (name, tensor) in self.names.iter().zip(&self.tensors) {
            weights.insert(name.clone(), to_model_tensor(tensor)?);
        }
        Ok(Model { graph: self.graph.clone(), weights })
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    pub fn device(&self) -> Device {
        self.device
    }

    /// What it computes in, where autocast does not decide: f32, or f64.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// From now on training leaves these parameters alone. A batch norm whose γ and β are both among them uses its running
    /// statistics in training, too, and leaves them alone: what lies before a part that is trained then computes what it
    /// computed before.
    pub fn freeze(&mut self, frozen: impl Fn(&str) -> bool) -> Result<()> {
        for (index, name) in self.names.iter().enumerate().filter(|(i, _)| self.roles[*i] == Role::Parameter) {
            self.frozen[index] = frozen(name);
            self.tensors[index] = self.tensors[index].f_set_requires_grad(!self.frozen[index])?;
        }
        Ok(())
    }

    pub(super) fn is_frozen(&self, index: usize) -> bool {
        self.frozen[index]
    }

    /// Numbers in the trained parameters, without those of auxiliary classifiers.
    pub fn deployed_parameters(&self) -> usize {
        let deployed = self.graph.deployed_nodes();
        let nodes = self.graph.nodes.iter().flat_map(|node| node.params().map(move |(_, param)| (node, param)));
        let counted = |(index, (node, param)): (usize, (&sweep_model::Node, sweep_model::Param))| {
            let counts = param.role == Role::Parameter && !self.frozen[index] && deployed.contains(node.name.as_str());
            if counts { param.elements() } else { 0 }
        };
        nodes.enumerate().map(counted).sum()
    }

    /// The trainable parameters in graph order, sharing storage with the net.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let trainable = |(i, role): (usize, &Role)| (*role == Role::Parameter && !self.frozen[i]).then_some(i);
        let indices = self.roles.iter().enumerate().filter_map(trainable);
        indices.map(|i| (self.names[i].clone(), self.tensors[i].shallow_clone())).collect()
    }

    /// The tensor `<node>.<param>`, sharing storage with the net.
    pub fn tensor(&self, name: &str) -> Option<Tensor> {
        self.names.iter().position(|n| n == name).map(|i| self.tensors[i].shallow_clone())
    }

    /// Overwrites a tensor's values; shapes must agree.
    pub fn set_tensor(&self, name: &str, values: &Tensor) -> Result<()> {
        let mut target = self.tensor(name).ok_or_else(|| sweep_model::tensor::MissingTensor(name.to_owned()))?;
        if target.size() != values.size() {
            let sizes = |t: &Tensor| t.size().iter().map(|&d| d as usize).collect();
            return Err(Error::Shape { name: name.to_owned(), found: sizes(values), wanted: sizes(&target) });
        }
        tch::no_grad(|| target.f_copy_(values))?;
        Ok(())
    }

    /// Copies of all tensors' values, in the net's order: what [`Net::restore`] takes.
    pub fn snapshot(&self) -> Result<Vec<Tensor>> {
        let copy = |t: &Tensor| {
            let mut copy = t.f_empty_like()?;
            copy.f_copy_(t)?;
            Ok(copy)
        };
        tch::no_grad(|| self.tensors.iter().map(copy).collect())
    }

    /// Brings back the values of a [`Net::snapshot`] of this net.
    pub fn restore(&self, snapshot: &[Tensor]) -> Result<()> {
        for (target, values) in self.tensors.iter().zip(snapshot) {
            tch::no_grad(|| target.shallow_clone().f_copy_(values))?;
        }
        Ok(())
    }

    /// The names of all tensors, in the order of [`Net::snapshot`].
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Logits `[N, classes]` of images `[N, C, H, W]`.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.forward_with(images, mode, &mut NoHook)
    }

    /// [`Net::forward`], with `hook` looking on.
    pub fn forward_with(&self, images: &Tensor, mode: Mode, hook: &mut dyn Hook) -> Result<Tensor> {
        Ok(super::run::run(self, images, mode, hook)?.logits)
    }

    /// The value of `loss` on the logits of a training pass, plus its weighted values on those of auxiliary classifiers; and the
    /// logits.
    pub fn training_loss<E: From<Error>>(
        &self,
        images: &Tensor,
        loss: impl Fn(&Tensor) -> std::result::Result<Tensor, E>,
    ) -> std::result::Result<(Tensor, Tensor), E> {
        let outputs = super::run::run(self, images, Mode::Train, &mut NoHook)?;
        let mut total = loss(&outputs.logits)?;
        for (logits, side) in outputs.auxiliary.iter().zip(&self.graph.auxiliary) {
            let weighted = loss(logits)?.f_mul_scalar(side.loss_weight).map_err(Error::from)?;
            total = total.f_add(&weighted).map_err(Error::from)?;
        }
        Ok((total, outputs.logits))
    }

    /// Switches the rounding of activations on or off, in all `FakeQuant` nodes.
    pub fn set_activation_quant(&self, on: bool) {
        self.switches.activations.set(on);
    }

    /// Switches the rounding of weights on or off, in all layers.
    pub fn set_weight_quant(&self, on: bool) {
        self.switches.weights.set(on);
    }

    pub fn set_weight_scales(&self, scales: WeightScales) {
        self.switches.weight_scales.set(scales);
    }

    /// With frozen batch norm, training passes use the running statistics and leave them alone.
    pub fn freeze_batch_norm(&self, frozen: bool) {
        self.switches.batch_norm_frozen.set(frozen);
    }

    /// Until set back to `None`, batch norms average with this momentum instead of their own.
    pub fn override_momentum(&self, momentum: Option<f64>) {
        self.switches.momentum.set(momentum);
    }

    /// What share of a whole batch passes see from now on, above 0 and up to 1. Averages over batches (running statistics,
    /// observers) move by that share of a batch's step.
    pub fn set_share(&self, share: f64) {
        self.switches.share.set(share);
    }

    /// What [`Net::set_share`] set; 1 at first.
    pub fn share(&self) -> f64 {
        self.switches.share.get()
    }

    pub(super) fn at(&self, index: usize) -> &Tensor {
        &self.tensors[index]
    }
}

/// The weight of `share` of a batch in a moving average in which a whole batch has `weight`: after all parts of a batch the
/// average has forgotten as much as after the batch.
pub fn weight_of_part(weight: f64, share: f64) -> f64 {
    // A whole batch's weight stays as it is, bit by bit.
    if share < 1.0 { 1.0 - (1.0 - weight).powf(share) } else { weight }
}

/// The layout in memory that is fastest on the device.
fn layout(tensor: &Tensor, device: Device) -> Result<Tensor> {
    Ok(if device == Device::Cpu { channels_last(tensor)? } else { tensor.shallow_clone() })
}

impl State for Net {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        for (name, tensor) in self.names.iter().zip(&self.tensors) {
            writer.tensor(name, tensor)?;
        }
        Ok(())
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        for (name, tensor) in self.names.iter().zip(&mut self.tensors) {
            reader.tensor_into(name, tensor)?;
        }
        Ok(())
    }
}
