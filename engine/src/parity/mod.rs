//! The same network in several programs: what each answers, where they part.
//!
//! A network exists here three times: as it is trained (lowered to libtorch), as it is deployed (the ONNX file in ONNX
//! Runtime), and elsewhere (torchvision). [`Subject`] is one network with the images it is asked about; it answers as each of
//! ours would, and takes one training [`step`](Subject::step) in f64, where rounding explains nothing. [`Bisect`] compares node
//! by node and finds the first that differs. `engine/tests/zoo_parity.rs` holds the whole zoo to what torchvision answered,
//! `make parity` asks torchvision again.

mod bisect;
mod command;
mod subject;
mod values;

pub use bisect::{compare, deployed_names, own_names};
pub use command::Bisect;
pub use subject::{Step, Subject, calm, labels};
pub use values::{Values, deployed_values, every_value, lowered_values};
