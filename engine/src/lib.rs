//! libtorch behind the model graph: data, training, compression stages, evaluation.

pub mod checkpoint;
pub mod data;
pub mod metrics;
pub mod lower;
pub mod optim;
