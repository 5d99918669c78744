//! What fits a network, what is told of what does not, and that what was written can be read again.

use super::super::{Element, read, to_safetensors};
use super::*;
use crate::graph::GraphBuilder;
use crate::op::Op;
use crate::passes::{pipeline, quantize};
use crate::{init, tensor::Weights};

/// conv → norm → fc, and a classifier on the side.
fn network(classes: usize, auxiliary: bool) -> Model {
    let mut b = GraphBuilder::new("small", [3, 4, 4], classes);
    let conv = b.conv("conv", "input", 4, 3, 1);
    let norm = b.batch_norm("norm", &conv);
    let relu = b.relu("relu", &norm);
    let flat = b.push("flat", Op::Flatten, &[&relu]);
    b.linear("fc", &flat, classes);
    if auxiliary {
        let logits = b.linear("aux.fc", &flat, classes);
        b.auxiliary(&logits, 0.4);
    }
    init::model(b.finish("fc").unwrap(), 1)
}

/// The network with other numbers.
fn trained(mut model: Model) -> Model {
    for (_, tensor) in model.weights.iter_mut() {
        tensor.data.iter_mut().enumerate().for_each(|(i, x)| *x = *x * 2.0 + i as f32);
    }
    model
}

/// A file with the model's tensors under other names.
fn renamed(model: &Model, rename: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let tensors: Weights = model.weights.iter().filter_map(|(name, t)| Some((rename(name)?, t.clone()))).collect();
    tensors.to_safetensors().unwrap()
}

fn load_bytes(model: &mut Model, bytes: &[u8], replace: &[&str]) -> Result<Loaded, StateDictError> {
    let options = LoadOptions { replace: replace.iter().map(ToString::to_string).collect() };
    load(model, &read(bytes).unwrap(), &options)
}

fn mismatch(model: &mut Model, bytes: &[u8]) -> Mismatch {
    let before = model.clone();
    match load_bytes(model, bytes, &[]) {
        Err(StateDictError::Mismatch(mismatch)) => {
            assert_eq!(*model, before, "after an error the network is as it was");
            *mismatch
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_written_is_read_again() {
    let from = trained(network(10, true));
    let mut to = network(10, true);
    let loaded = load_bytes(&mut to, &to_safetensors(&from).unwrap(), &[]).unwrap();
    assert_eq!(loaded, Loaded { tensors: 9, ..Loaded::default() });
    assert_eq!(to, from);
}

#[test]
fn the_file_has_what_pytorch_wants_of_a_batch_norm_and_no_quantizers() {
    let model = trained(network(10, false));
    let quantized = quantize::insert(&model, quantize::Profile::OrtVnni).unwrap();
    let norm = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"].map(|t| format!("norm.{t}"));
    let expected: Vec<_> = ["conv.weight", "fc.bias", "fc.weight"].map(String::from).into_iter().chain(norm).collect();
    for model in [&model, &quantized] {
        let bytes = to_safetensors(model).unwrap();
        let file = read(&bytes).unwrap();
        assert_eq!(file.iter().map(|(name, _)| name).collect::<Vec<_>>(), expected);
        let batches = file.get("norm.num_batches_tracked").unwrap();
        assert_eq!((batches.shape(), batches.element()), (&[][..], Element::I64));
    }
    let deployed = pipeline::deploy(&model).unwrap();
    assert!(!read(&to_safetensors(&deployed).unwrap()).unwrap().iter().any(|(name, _)| name.starts_with("norm")));
}

#[test]
fn the_prefixes_of_training_scripts_are_taken_off_and_told() {
    let from = trained(network(10, false));
    for prefix in ["module.", "model.", "module._orig_mod."] {
        let mut to = network(10, false);
        let loaded = load_bytes(&mut to, &renamed(&from, |name| Some(format!("{prefix}{name}"))), &[]).unwrap();
        assert_eq!(to, from, "{prefix}");
        assert!(loaded.notes.iter().all(|note| note.contains("front of every name")), "{:?}", loaded.notes);
        assert_eq!(loaded.notes.len(), prefix.matches('.').count());
    }
}

#[test]
fn names_of_older_torchvisions_are_known() {
    let mut b = GraphBuilder::new("dense", [3, 4, 4], 10);
    let norm = b.batch_norm("features.denselayer1.norm1", "input");
    let flat = b.push("flat", Op::Flatten, &[&norm]);
    b.linear("classifier", &flat, 10);
    let mut to = init::model(b.finish("classifier").unwrap(), 1);
    let from = trained(to.clone());
    let loaded = load_bytes(&mut to, &renamed(&from, |name| Some(name.replace("norm1", "norm.1"))), &[]).unwrap();
    assert_eq!(to, from);
    assert_eq!(loaded.notes, ["4 tensors have names of an older torchvision"]);
}

#[test]
fn the_last_layer_keeps_its_first_weights_for_other_classes() {
    let from = trained(network(10, false));
    let first = network(7, false);
    let mut to = first.clone();
    let loaded = load_bytes(&mut to, &to_safetensors(&from).unwrap(), &["fc"]).unwrap();
    assert_eq!((loaded.tensors, loaded.replaced), (5, vec!["fc".to_owned()]));
    assert_eq!(to.weights.get("fc.weight"), first.weights.get("fc.weight"));
    assert_eq!(to.weights.get("conv.weight"), from.weights.get("conv.weight"));
    // Where it fits, it is loaded.
    let mut same = network(10, false);
    let loaded = load_bytes(&mut same, &to_safetensors(&from).unwrap(), &["fc"]).unwrap();
    assert_eq!((loaded.replaced, same), (vec![], from));
}

#[test]
fn half_of_a_replaced_layer_is_not_loaded() {
    let from = trained(network(10, false));
    let first = network(10, false);
    let mut to = first.clone();
    let bytes = renamed(&from, |name| (name != "fc.weight").then(|| name.to_owned()));
    let loaded = load_bytes(&mut to, &bytes, &["fc"]).unwrap();
    assert_eq!(loaded.replaced, ["fc"]);
    assert_eq!(to.weights.get("fc.bias"), first.weights.get("fc.bias"));
}

#[test]
fn a_file_without_auxiliary_classifiers_leaves_them_and_says_so() {
    let from = trained(network(10, false));
    let mut to = network(10, true);
    let loaded = load_bytes(&mut to, &to_safetensors(&from).unwrap(), &["fc", "aux.fc"]).unwrap();
    assert_eq!((loaded.tensors, loaded.replaced), (7, vec![]));
    assert!(loaded.notes[0].contains("no auxiliary classifiers"), "{:?}", loaded.notes);
    // With one of its two tensors it is a mistake.
    let bytes = renamed(&trained(network(10, true)), |name| (name != "aux.fc.bias").then(|| name.to_owned()));
    assert_eq!(mismatch(&mut network(10, true), &bytes).missing, ["aux.fc.bias"]);
}

#[test]
fn all_that_differs_is_named_with_what_it_may_mean() {
    let from = network(10, false);
    let classes = mismatch(&mut network(7, false), &to_safetensors(&from).unwrap()).to_string();
    assert!(classes.contains("fc.weight ([10, 64] in the file, [7, 64] in the network)"), "{classes}");
    assert!(classes.contains("2 of another shape") && classes.contains("classes, width or image size"), "{classes}");

    let other = renamed(&from, |name| Some(format!("backbone.{name}")));
    let found = mismatch(&mut network(10, false), &other);
    assert_eq!((found.missing.len(), found.unexpected.len(), found.fitting), (7, 7, 0));
    let text = found.to_string();
    assert!(text.contains("and 1 more") && text.contains("another architecture"), "{text}");

    let integers = [("fc.bias", ::safetensors::Dtype::I64)];
    let mut tensors: Vec<_> = from.weights.iter().filter(|(name, _)| *name != "fc.bias").collect();
    tensors.sort_by_key(|(name, _)| *name);
    let bytes: Vec<_> = tensors.iter().map(|(_, t)| crate::model::le_bytes(&t.data)).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, t), data)| {
        (*name, ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, t.shape.clone(), data).unwrap())
    });
    let zeros = [0u8; 80];
    let wrong =
        integers.map(|(name, dtype)| (name, ::safetensors::tensor::TensorView::new(dtype, vec![10], &zeros).unwrap()));
    let file = ::safetensors::serialize(views.chain(wrong), None).unwrap();
    assert_eq!(mismatch(&mut network(10, false), &file).integers, ["fc.bias"]);
}
