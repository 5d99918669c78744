//! From a model graph to libtorch.
//!
//! [`Net`] holds a [`sweep_model::Model`]'s tensors in libtorch and a *program*: one step per node with every name already
//! resolved to an index (`compile`). Running it (`run`) is a loop over the steps; values are dropped after their last
//! reader. On the CPU everything four-dimensional is kept channels-last, which is half as fast again as NCHW there.
//!
//! Quantized graphs run here too, as a simulation (`quantized`): `FakeQuant` nodes and weights round to their grids with
//! libtorch's straight-through kernels, and a quantized convolution followed by batch norm computes what the folded
//! convolution in the deployed file will compute. Observers see the values through [`Hook`].

mod compile;
mod convert;
mod error;
mod hook;
mod net;
mod program;
mod quantized;
mod run;

pub use convert::{channels_last, to_model_tensor, to_torch};
pub use error::Error;
pub use hook::{Hook, NoHook};
pub use net::{Mode, Net, WeightScales, weight_of_part};

type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests;
