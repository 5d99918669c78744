//! What tch does not bind of libtorch, behind safe functions.
//!
//! A little C++ (`shim/`) is compiled against the same headers as torch-sys; every function there catches
//! C++ exceptions and hands back their text, which becomes an [`Error`] here. Five things live in this crate: the random
//! generator's state ([`rng`]), the fused optimizer kernels ([`fused`]), autocast on the CPU ([`autocast`]), memory for large
//! tensors there ([`pool`]) and CUDA at run time ([`cuda`]), next to threads and version numbers. All `unsafe` that concerns libtorch is here.

pub mod autocast;
pub mod cuda;
mod error;
mod ffi;
pub mod fused;
pub mod pool;
pub mod rng;
mod threads;

pub use error::{Error, Result};
pub use threads::{cpu_capability, set_threads, torch_version};
