//! Pruning: smaller networks (structured) and sparser ones (unstructured).
//!
//! Structured pruning removes whole channels. Channels of different nodes hang together: what an Add sums must keep the same
//! indices on both sides, a depthwise convolution has as many channels as its input, a flattened channel becomes many
//! features. So the unit is the *coupled channel*, and the unit of comparison the *group* of alike coupled channels:
//! [`rules`] says for each op how channels pass through it, `dependency` follows them through the graph, [`group`] collects
//! what must go together, `index_map` turns a choice into the indices that each tensor keeps. [`criterion`] scores the channels
//! of a group, `select` decides, and [`apply`] cuts. The result is an ordinary smaller [`Model`](crate::Model).
//!
//! [`unstructured`] pruning zeroes single weights through masks that training keeps applying; shapes do not change.

pub mod apply;
pub mod criterion;
mod dependency;
pub mod group;
mod index_map;
mod rules;
mod select;
mod structured;
pub mod unstructured;

pub use criterion::Criterion;
pub use group::{Channel, Group, Member};
pub use select::Limits;
pub use structured::{GroupReport, Report, Structured, structured};
pub use unstructured::{Unstructured, apply_masks, masks, zeros};

use serde::{Deserialize, Serialize};

use crate::shape::ShapeError;
use crate::tensor::MissingTensor;
use crate::verify::VerifyError;

/// Where candidates are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Over the whole network: layers that matter less lose more.
    #[default]
    Global,
    /// Within each layer (structured: each group), all of which lose the same share.
    Layer,
}

/// Why a model cannot be pruned as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PruneError {
    /// Not a share.
    #[error("a share to prune lies in [0, 1), not {0}")]
    Amount(f64),
    /// The criterion looks at batch norm, which the group does not have.
    #[error("the criterion bn_scale needs a batch norm after {group:?}, which has none; use l1")]
    NoBatchNorm {
        /// The group's name.
        group: String,
    },
    /// The criterion ranks channels, not single weights.
    #[error("unstructured pruning ranks by l1 or random, not by {0}")]
    Criterion(&'static str),
    /// No node has weights to prune.
    #[error("the network {0:?} has nothing to prune")]
    Nothing(String),
    /// Every index of a value would go.
    #[error("pruning would leave node {node:?} without channels")]
    Empty {
        /// The node.
        node: String,
    },
    /// The graph is unsound.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The result is unsound: an error in the pass.
    #[error("pruning left an unsound model")]
    After(#[source] VerifyError),
    /// A tensor is missing.
    #[error(transparent)]
    Missing(#[from] MissingTensor),
}

/// Checks that `amount` is a share that leaves something.
fn check_amount(amount: f64) -> Result<(), PruneError> {
    if (0.0..1.0).contains(&amount) { Ok(()) } else { Err(PruneError::Amount(amount)) }
}
