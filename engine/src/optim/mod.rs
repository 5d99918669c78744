//! Optimizers whose state can be saved, and learning-rate schedules.
//!
//! tch's optimizers cannot save their state, so [`Optimizer`] holds its own tensors and steps with libtorch's fused
//! kernels. Weight decay applies to every parameter, batch norm and biases included, as PyTorch's optimizers do by
//! default. [`schedule`] is pure: the learning rate is a function of the step, so a resumed job needs no schedule state.

mod optimizer;
mod schedule;

pub use optimizer::{Error, Optimizer};
pub use schedule::{Position, factor};
