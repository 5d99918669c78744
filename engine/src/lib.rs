//! libtorch behind the model graph: what `sweep-runner` does once an agent has started it.
//!
//! Follow a job: [`runner`] reads `job.json`, fixes threads and device, and opens the [`job`] (events, inputs, the newest whole
//! [`checkpoint`]). [`stages`] has one file per kind; those that train [`lower`] a [`sweep_model::Model`] to libtorch and
//! hand it to [`train`], which pulls batches from [`data`] and steps with [`optim`]. [`quant`] observes, calibrates and trains
//! with quantizers. A finished model is exported, and what is reported of it is measured by [`runtime`] (ONNX Runtime) on the
//! exported file, with [`metrics`].
//!
//! Nothing else in the workspace links libtorch, and all that tch does not bind is in `sweep-engine-sys`.

pub mod checkpoint;
pub mod data;
pub mod error;
pub mod job;
pub mod lower;
pub mod metrics;
pub mod optim;
pub mod parity;
pub mod quant;
pub mod runner;
pub mod runtime;
pub mod stages;
pub mod train;

pub use error::{Error, Result};
