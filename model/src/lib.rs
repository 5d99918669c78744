//! The network as data: a small closed set of ops, a graph of them, and named weights beside it.
//!
//! Everything that can be known about a network without running it on a GPU lives here, as plain functions on [`Graph`] and
//! [`Model`]: the [`zoo`] builds, [`shape`] and [`verify`] check and name the bad node, [`cost`] and [`memory`] count,
//! [`diff`] compares, [`passes`] rewrite (fold batch norm, prune, quantize), and [`onnx`] exports. There is no torch and no
//! async in this crate, so a plan can be checked and priced on a laptop in milliseconds, and a pruned or quantized network is
//! an ordinary value that a unit test can look through.
//!
//! # Adding an op
//! 1. [`Op`] gets a variant, its attributes a struct in `op/`, its tensors an arm in [`Op::params`].
//! 2. The compiler then points at every exhaustive `match` that has to decide: `shape.rs`, `cost.rs`, `memory/kept.rs`, `dump.rs`,
//!    `passes/prune/rules.rs`, `passes/prune/apply.rs`, `passes/quantize/units.rs`, `onnx/export/ops.rs` and `reference/mod.rs`. None of
//!    them has a catch-all arm.

pub mod cost;
pub mod diff;
mod dump;
pub mod graph;
pub mod init;
pub mod memory;
pub mod model;
pub mod onnx;
pub mod op;
pub mod passes;
pub mod randomise;
pub mod reference;
pub mod shape;
pub mod state_dict;
pub mod tensor;
pub mod verify;
pub mod zoo;

pub use graph::{Auxiliary, Graph, GraphBuilder, Node};
pub use model::Model;
pub use op::{Attention, BatchNorm2d, Conv2d, LayerNorm, Linear, Op, Param, Pool2d, QuantSpec, Role};
pub use tensor::{Tensor, Weights};
