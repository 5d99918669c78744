use super::*;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::Op;
use crate::passes::quantize::{self, Profile};
use crate::reference::testing;
use crate::zoo::{self, ZooOptions};
use crate::{cost, verify};

const FREE: Limits = Limits { round_to: 1, floor: 1, cap: 1.0 };

fn zoo(name: &str) -> Model {
    testing::lively_model(zoo::build(name, &ZooOptions::default()).unwrap(), 6)
}

fn options(amount: f64, criterion: Criterion, scope: Scope) -> Structured {
    Structured { amount, criterion, scope, limits: FREE }
}

fn widths(model: &Model) -> Vec<usize> {
    let convs = model.graph.nodes.iter();
    convs.filter_map(|node| if let Op::Conv2d(conv) = &node.op { Some(conv.out_channels) } else { None }).collect()
}

#[test]
fn half_of_each_layer_quarters_the_macs_inside() {
    let model = zoo("small-cnn");
    let (pruned, report) = structured(&model, &options(0.5, Criterion::L1, Scope::Layer)).unwrap();
    assert_eq!(widths(&pruned), [8, 16, 16, 32, 32, 64, 64]);
    assert_eq!(report.removed(), 0.5);
    let macs = |model: &Model, name: &str| {
        let cost = cost::count(&model.graph).unwrap();
        cost.nodes.iter().find(|node| node.name == name).unwrap().macs
    };
    assert_eq!(macs(&pruned, "conv4") * 4, macs(&model, "conv4"));
    // The image keeps its three channels.
    assert_eq!(macs(&pruned, "conv1") * 2, macs(&model, "conv1"));
}

#[test]
fn the_smallest_filters_go_whole_and_the_others_stay_as_they_are() {
    let mut model = zoo("kd-conv4");
    let row = 3 * 9;
    let weight = model.weights.get_mut("conv1.weight").unwrap();
    for filter in [2, 7, 11, 13] {
        weight.data[filter * row..(filter + 1) * row].iter_mut().for_each(|x| *x *= 1e-3);
    }
    let (pruned, _) = structured(&model, &options(0.25, Criterion::L1, Scope::Layer)).unwrap();
    let kept: Vec<usize> = (0..16).filter(|filter| ![2, 7, 11, 13].contains(filter)).collect();
    let original: Vec<&[f32]> = model.weights.get("conv1.weight").unwrap().rows().collect();
    for (row, filter) in pruned.weights.get("conv1.weight").unwrap().rows().zip(&kept) {
        assert_eq!(row, original[*filter]);
    }
    let norms = |model: &Model| model.weights.get("bn1.running_var").unwrap().data.clone();
    assert_eq!(norms(&pruned), kept.iter().map(|filter| norms(&model)[*filter]).collect::<Vec<_>>());
}

#[test]
fn bn_scale_ranks_by_gamma() {
    let mut model = zoo("kd-conv4");
    model.weights.get_mut("bn3.weight").unwrap().data.iter_mut().for_each(|gamma| *gamma *= -0.01);
    let amount = 48.0 / (16.0 + 32.0 + 48.0 + 64.0);
    let (pruned, _) = structured(&model, &options(amount, Criterion::BnScale, Scope::Global)).unwrap();
    // All but the last channel of the third layer are the least of all; one is taken elsewhere instead.
    assert_eq!(widths(&pruned)[2], 1);
    assert_eq!(widths(&pruned).iter().sum::<usize>(), 160 - 48);
}

#[test]
fn bn_scale_needs_a_batch_norm() {
    let mut b = GraphBuilder::new("bare", [3, 8, 8], 4);
    let x = b.conv("conv", INPUT, 8, 3, 1);
    let logits = b.classifier(&x);
    let model = testing::lively_model(b.finish(&logits).unwrap(), 1);
    let error = structured(&model, &options(0.5, Criterion::BnScale, Scope::Global)).unwrap_err();
    assert_eq!(error, PruneError::NoBatchNorm { group: "conv".into() });
}

#[test]
fn global_scores_do_not_depend_on_a_layers_fan_in() {
    // Raw L1 norms of wide layers are many times those of the stem, which would lose all its channels first.
    let (pruned, _) = structured(&zoo("small-cnn"), &options(0.3, Criterion::L1, Scope::Global)).unwrap();
    assert!(widths(&pruned)[0] >= 4, "{:?}", widths(&pruned));
}

#[test]
fn random_is_repeatable_and_depends_on_the_seed() {
    let model = zoo("tiny-cnn");
    let prune = |seed| structured(&model, &options(0.5, Criterion::Random { seed }, Scope::Layer)).unwrap().0;
    assert_eq!(prune(1), prune(1));
    assert_ne!(prune(1), prune(2));
}

#[test]
fn residual_networks_shrink_soundly_with_every_criterion() {
    let model = zoo("resnet20-cifar");
    for criterion in [Criterion::L1, Criterion::L2, Criterion::BnScale, Criterion::Random { seed: 1 }] {
        for scope in [Scope::Global, Scope::Layer] {
            let limits = Limits { round_to: 4, ..Limits::default() };
            let options = Structured { limits, ..options(0.4, criterion, scope) };
            let (pruned, report) = structured(&model, &options).unwrap();
            verify::model(&pruned).unwrap();
            assert!(widths(&pruned).iter().all(|width| width % 4 == 0), "{:?}", widths(&pruned));
            assert!(report.removed() > 0.2 && report.removed() <= 0.4, "{}", report.removed());
        }
    }
}

#[test]
fn a_quantized_network_can_be_cut_too() {
    let model = quantize::insert(&zoo("tiny-cnn"), Profile::OrtVnni).unwrap();
    let (pruned, _) = structured(&model, &options(0.5, Criterion::L1, Scope::Layer)).unwrap();
    assert_eq!(pruned.weights.get("conv1.weight_scale").unwrap().shape, [4]);
}

#[test]
fn nothing_to_prune_and_wrong_amounts_are_errors() {
    let error = structured(&zoo("linear"), &options(0.5, Criterion::L1, Scope::Global)).unwrap_err();
    assert_eq!(error, PruneError::Nothing("linear".into()));
    for amount in [-0.1, 1.0, f64::NAN] {
        assert!(structured(&zoo("tiny-cnn"), &options(amount, Criterion::L1, Scope::Global)).is_err(), "{amount}");
    }
}
