//! ONNX Runtime: what a deployed file really does.
//!
//! Accuracy, size and latency of a point are those of its ONNX file here, never of the engine or of a simulation. The
//! shared library is opened at run time ([`library`] says where it is looked for), a [`Session`] runs one file on batches,
//! and [`kernels`] reads the graph that the runtime made of it, to tell which layers really run as integer kernels. [`Cpu`] names the processor.

mod cpu;
mod error;
mod kernels;
mod library;
mod session;

pub use cpu::Cpu;
pub use error::RuntimeError;
pub use kernels::{KernelReport, classify};
pub use library::{find_library, version};
pub use session::{Session, evaluate, planes};
