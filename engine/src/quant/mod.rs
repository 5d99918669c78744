//! From a float network to one that computes on 8-bit integers.
//!
//! `model` says where quantizers sit and which integers a file holds; this folder finds their ranges. [`observer`] watches
//! values as they stream by, [`Observers`] has one for every quantizer of a network, [`calibrate`] shows them images of the
//! training split. [`post_training`] is the whole of static quantization: insert, calibrate, fit the weights' scales. [`Qat`]
//! is quantization-aware training as an objective for the training loop, with its phases as a pure function of the step: live
//! observers, frozen ranges, frozen batch-norm statistics. What comes out of either still has its batch norm, so that it can
//! be trained on, or stripped ([`without_quantizers`]); [`deploy`] folds it, and the [`simulation`] of that must agree with the
//! ONNX file.

mod calibrate;
pub mod observer;
mod observers;
mod qat;
mod static_quant;
mod strip;

pub use calibrate::{calibrate, calibration_split};
pub use observers::Observers;
pub use qat::{Phase, Qat};
pub use static_quant::{deploy, post_training, profile, simulation, with_fitted_weights};
pub use strip::without_quantizers;
