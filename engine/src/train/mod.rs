//! Training by gradient descent, for every stage that does it.
//!
//! [`fit`] is the one loop: epochs of steps, validation after each, the best epoch's weights kept, a checkpoint between epochs
//! and, when a stop is asked for, at the next step. What differs between stages is an [`Objective`]: the loss, what happens
//! after a step (masks), which epochs may be the best (of quantization-aware training, those whose ranges are fixed). Everything random is a function of
//! the job's seed and the epoch, or saved, so that a fit continued from a checkpoint ends with the same bits. [`accumulate`] runs a
//! batch in parts where memory is short, [`pace`] rests between steps where the device is not the runner's alone.

mod accumulate;
mod batch_norm;
mod distillation;
mod evaluate;
mod fit;
mod masks;
mod objective;
mod pace;
mod precision;
mod state;
mod tally;

pub use batch_norm::reestimate_batch_norm;
pub use distillation::Distillation;
pub use evaluate::{Score, score};
pub use fit::{Fit, Fitted};
pub use masks::Masks;
pub use objective::{CrossEntropy, Objective, Outcome, cross_entropy};
pub use pace::Pace;
pub(crate) use precision::uses_bf16;

#[cfg(test)]
mod tests;
