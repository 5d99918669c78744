//! Every network of the zoo, narrow and for small images, goes through every pass.

use super::prune::{self, Criterion, Limits, Scope, Structured};
use super::quantize::{self, Profile, QuantizeError};
use super::{pipeline, properties};
use crate::graph::Graph;
use crate::model::Model;
use crate::zoo::{self, ENTRIES, ZooOptions};
use crate::{onnx, randomise, reference, verify};

/// What cannot be pruned or quantized at all.
const NOTHING_TO_PRUNE: &str = "linear";
const TRANSFORMER: &str = "vit_b_16";

/// An eighth as wide, on the smallest image that leaves something to see behind all strides.
fn narrow(name: &str) -> Graph {
    let published = zoo::input(name).unwrap();
    let input = match name {
        "alexnet" => [3, 95, 79],
        "inception_v3" => [3, 107, 91],
        _ if published[1] > 32 => [3, 64, 48],
        _ => published,
    };
    zoo::build(name, &ZooOptions { width: 0.125, ..ZooOptions::new(input, 10) }).unwrap()
}

fn lively() -> impl Iterator<Item = Model> {
    ENTRIES.iter().map(|entry| randomise::model(narrow(entry.name)))
}

/// Half of each group, whatever is left.
const HALF: Structured = Structured {
    amount: 0.5,
    criterion: Criterion::L1,
    scope: Scope::Layer,
    limits: Limits { round_to: 1, floor: 1, cap: 1.0 },
};

#[test]
fn deployed_networks_answer_as_before() {
    for model in lively() {
        let name = &model.graph.name;
        let images = randomise::images(2, model.graph.input);
        let before = reference::logits(&model, &images).unwrap();
        let after = reference::logits(&pipeline::deploy(&model).unwrap(), &images).unwrap();
        let largest = before.data.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let worst = before.data.iter().zip(&after.data).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(largest > 0.0 && worst / largest < 1e-5, "{name}: {worst} of {largest}");
    }
}

#[test]
fn removing_zeroed_channels_changes_no_logit_of_any_network() {
    for entry in ENTRIES {
        properties::check_removal(narrow(entry.name), 5).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
    }
}

#[test]
fn networks_are_pruned_by_half_and_exported() {
    for model in lively() {
        let name = model.graph.name.as_str();
        let pruned = match prune::structured(&model, &HALF) {
            Err(prune::PruneError::Nothing(_)) if name == NOTHING_TO_PRUNE => continue,
            pruned => pruned.unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        let (pruned, report) = pruned;
        assert!((report.removed() - 0.5).abs() < 0.01, "{name}: {}", report.removed());
        onnx::export(&pipeline::deploy(&pruned).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Quantizers find their places around what is left, too.
        match quantize::insert(&pruned, Profile::OrtVnni) {
            Err(QuantizeError::UnknownOp { .. }) if name == TRANSFORMER => {}
            quantized => {
                let quantized = pipeline::deploy(&quantized.unwrap_or_else(|error| panic!("{name}: {error}"))).unwrap();
                verify::model(&quantized).unwrap();
                onnx::export(&quantized).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}
