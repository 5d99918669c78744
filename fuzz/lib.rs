//! What the targets share: the small network of the seeds, and what is done with a file that was readable.

#[path = "../model/tests/mutated/changes.rs"]
pub mod changes;

use sweep_model::graph::GraphBuilder;
use sweep_model::op::Op;
use sweep_model::{Model, init};

/// The network whose state dict the seeds hold: `conv`, `norm`, `fc`.
pub fn small() -> Model {
    let mut b = GraphBuilder::new("small", [3, 4, 4], 10);
    let conv = b.conv("conv", "input", 4, 3, 1);
    let norm = b.batch_norm("norm", &conv);
    let flat = b.push("flat", Op::Flatten, &[&norm]);
    let fc = b.linear("fc", &flat, 10);
    init::model(b.finish(&fc).expect("the network is sound"), 1)
}
