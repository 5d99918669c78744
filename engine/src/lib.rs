//! libtorch behind the model graph: data, training, compression stages, evaluation.

pub mod checkpoint;
pub mod data;
pub mod error;
pub mod job;
pub mod lower;
pub mod metrics;
pub mod optim;
pub mod quant;
pub mod runner;
pub mod runtime;
pub mod stages;
pub mod train;

pub use error::{Error, Result};
