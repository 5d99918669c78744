//! First weights of a network, from a seed.
//!
//! Every tensor draws from its own stream, keyed by the seed and the tensor's name, so one layer's weights do not depend on
//! which other layers there are, and only integer arithmetic and exact IEEE operations are used, so a seed gives the same
//! bytes on every platform. From which distribution a layer draws is a [`Scheme`]: [`KAIMING`] suits every network, and the
//! zoo's networks bring those that they were published with.

mod draw;
mod scheme;

pub use draw::Draw;
pub use scheme::{Bias, Exception, KAIMING, Layer, PYTORCH, Scheme, Weight};

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::op::Role;
use crate::tensor::Weights;

/// Which first weights a network of the zoo gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// The network's own: torchvision's where the network is torchvision's, else [`KAIMING`] or [`PYTORCH`].
    #[default]
    Torchvision,
    /// [`KAIMING`], whatever the network.
    Kaiming,
}

/// Random weights for the graph, by [`KAIMING`].
pub fn weights(graph: &Graph, seed: u64) -> Weights {
    weights_by(&KAIMING, graph, seed)
}

/// Random weights for the graph.
pub fn weights_by(scheme: &Scheme, graph: &Graph, seed: u64) -> Weights {
    let tensors = graph.nodes.iter().flat_map(|node| {
        node.params().map(move |(name, param)| {
            let tensor = scheme.draw(node, &param).tensor(&param.shape, seed, &name);
            (name, tensor)
        })
    });
    tensors.collect()
}

/// The graph with [`weights`].
pub fn model(graph: Graph, seed: u64) -> Model {
    model_by(&KAIMING, graph, seed)
}

/// The graph with [`weights_by`].
pub fn model_by(scheme: &Scheme, graph: Graph, seed: u64) -> Model {
    let weights = weights_by(scheme, &graph, seed);
    Model { graph, weights }
}

/// Elements of the parameters that do not begin at zero, without drawing any. (A number that is drawn may be zero, too, but
/// hardly ever is.)
pub fn nonzero_parameters(scheme: &Scheme, graph: &Graph) -> u64 {
    let of_node = |node: &Node| -> u64 {
        let params = node.op.params().into_iter();
        let begins = params.filter(|p| p.role == Role::Parameter && scheme.draw(node, p) != Draw::Constant(0.0));
        begins.map(|param| param.elements() as u64).sum()
    };
    graph.nodes.iter().map(of_node).sum()
}

#[cfg(test)]
mod tests;
