//! One network, asked in several ways.

use sweep_model::passes::pipeline;
use sweep_model::{Graph, Model, Op, Role, Tensor as Array, onnx, randomise};
use tch::{Device, Tensor};

use crate::data::Batch;
use crate::error::{Error, Result};
use crate::lower::{Mode, Net, to_model_tensor, to_torch};
use crate::runtime::Session;
use crate::train::{CrossEntropy, Masks, Objective};

/// Of ONNX Runtime.
pub(super) const THREADS: usize = 2;

/// A float network with weights and images.
pub struct Subject {
    pub model: Model,
    /// `[N, C, H, W]`.
    pub images: Array,
}

/// What one pass in training leaves behind, before any optimizer: in f64, by name.
pub struct Step {
    /// Cross-entropy of the logits plus the weighted ones of auxiliary classifiers.
    pub loss: f64,
    /// Of every parameter, in graph order.
    pub gradients: Vec<(String, Vec<f64>)>,
    /// Batch norms' running statistics.
    pub buffers: Vec<(String, Vec<f64>)>,
}

impl Subject {
    /// The network with weights and images that other programs can draw alike ([`randomise`]).
    pub fn randomised(graph: Graph, images: usize) -> Self {
        let images = randomise::images(images, graph.input);
        Self { model: randomise::model(graph), images }
    }

    /// `[N, classes]` as the engine computes them in f32.
    pub fn lowered(&self) -> Result<Array> {
        let net = Net::new(&self.model, Device::Cpu)?;
        let logits = tch::no_grad(|| net.forward(&to_torch(&self.images, Device::Cpu)?, Mode::Eval))?;
        Ok(to_model_tensor(&logits)?)
    }

    /// The bytes of the file that would be deployed.
    pub fn onnx(&self) -> Result<Vec<u8>> {
        let deployed = pipeline::deploy(&self.model).map_err(Error::stage("preparing the network for its export"))?;
        onnx::export(&deployed).map_err(Error::stage("exporting the network"))
    }

    /// `[N, classes]` as ONNX Runtime computes them from that file.
    pub fn deployed(&self) -> Result<Array> {
        let mut session =
            Session::of_bytes(&self.onnx()?, THREADS).map_err(Error::stage("opening the exported file"))?;
        let logits = session.run(&self.images.data).map_err(Error::stage("running the exported file"))?;
        Ok(Array::new([self.images.shape[0], self.model.graph.classes], logits))
    }

    /// One pass in training, and back. Dropout and its like should be off ([`calm`]): they draw by chance.
    pub fn step(&self) -> Result<Step> {
        let net = Net::double(&self.model, Device::Cpu)?;
        let images = to_torch(&self.images, Device::Cpu)?;
        let labels = Tensor::f_from_slice(&labels(self.images.shape[0], self.model.graph.classes))?;
        let mut objective = CrossEntropy { label_smoothing: 0.0, masks: Masks::none() };
        let loss = objective.outcome(&net, &Batch { images, labels })?.loss;
        loss.f_backward()?;
        let gradients = net.parameters().into_iter().map(|(name, tensor)| Ok((name, numbers(&tensor.f_grad()?)?)));
        let buffers = self.model.graph.params().filter(|(_, param)| param.role == Role::Buffer);
        let buffers = buffers.filter_map(|(name, _)| Some((net.tensor(&name)?, name)));
        Ok(Step {
            loss: loss.f_double_value(&[])?,
            gradients: gradients.collect::<Result<_>>()?,
            buffers: buffers.map(|(tensor, name)| Ok((name, numbers(&tensor)?))).collect::<Result<_>>()?,
        })
    }
}

/// The labels that a comparison trains on.
pub fn labels(count: usize, classes: usize) -> Vec<i64> {
    (0..count).map(|i| ((3 * i + 1) % classes) as i64).collect()
}

/// The graph with everything that training draws by chance switched off.
pub fn calm(mut graph: Graph) -> Graph {
    for node in &mut graph.nodes {
        if let Op::Dropout { p } | Op::StochasticDepth { p } = &mut node.op {
            *p = 0.0;
        }
    }
    graph
}

/// In logical order.
fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    let flat = tensor.f_detach()?.f_contiguous()?.f_view(-1)?;
    Ok(Vec::<f64>::try_from(&flat)?)
}
