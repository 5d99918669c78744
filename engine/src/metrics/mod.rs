//! How good predictions are, from logits and labels alone.
//!
//! [`Evaluation`] is a running tally: it is fed batches of logits, keeps a [`Confusion`] matrix, the top-5 count and the
//! summed cross-entropy, and turns them into the metrics of a point at the end. Nothing here knows libtorch or ONNX
//! Runtime, so the same arithmetic judges the engine, the simulation and the deployed file.

mod confusion;
mod evaluation;

pub use confusion::{Confusion, Macro};
pub use evaluation::{Evaluation, argmax};
