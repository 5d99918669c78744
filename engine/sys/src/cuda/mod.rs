//! CUDA, from a binary that runs without it, too.
//!
//! `load` opens libtorch's CUDA half where there is a driver; `shim` our own library behind it, which is compiled with this program and
//! carried inside. [`memory`] asks and bounds a device's memory, [`graph`] records work once and repeats it without the cost of its launches.

pub mod graph;
mod load;
pub mod memory;
mod shim;

pub use load::{CudaSupport, load_cuda};
