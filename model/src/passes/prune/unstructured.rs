//! Unstructured pruning: single weights become zero and are held there by masks.

use super::criterion::random_score;
use super::{Criterion, PruneError, Scope, check_amount};
use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::tensor::{MissingTensor, Tensor, Weights};

/// How to choose the weights that become zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Unstructured {
    /// Share of the prunable weights that are zero afterwards, in `[0, 1)`: of all of them for [`Scope::Global`], of each layer
    /// for [`Scope::Layer`]. Weights that are zero already count, so sparsity grows from cycle to cycle by raising it.
    pub amount: f64,
    /// [`Criterion::L1`] (smallest magnitude; Han et al., NeurIPS 2015) or [`Criterion::Random`].
    pub criterion: Criterion,
    /// Where weights are compared.
    pub scope: Scope,
    /// Largest share of one layer that may be zero, against the collapse of a layer. An `amount` above it raises it.
    pub cap: f64,
    /// Nodes to leave alone. Otherwise the weights of all convolutions, linear layers and attentions are prunable; biases never are.
    pub exclude: Vec<String>,
}

impl Default for Unstructured {
    fn default() -> Self {
        Self { amount: 0.0, criterion: Criterion::L1, scope: Scope::Global, cap: 0.99, exclude: Vec::new() }
    }
}

/// A mask of ones and zeros for each prunable weight tensor, under the tensor's name. Weights that are zero already stay masked,
/// also where there are more of them than `amount` or the cap would have, as in a network that was pruned before.
pub fn masks(model: &Model, options: &Unstructured) -> Result<Weights, PruneError> {
    check_amount(options.amount)?;
    let layers = prunable(model, &options.exclude)?;
    if layers.is_empty() {
        return Err(PruneError::Nothing(model.graph.name.clone()));
    }
    let scores: Vec<Vec<f32>> =
        layers.iter().map(|(name, weight)| scores(name, weight, options.criterion)).collect::<Result<_, _>>()?;
    let counts = match options.scope {
        Scope::Layer => scores.iter().map(|scores| share(options.amount, scores.len())).collect(),
        Scope::Global => global_counts(&scores, options),
    };
    let masked = layers.iter().zip(&scores).zip(counts).map(|(((name, weight), scores), count)| {
        let count = count.max(weight.elements() - weight.nonzero());
        (name.clone(), Tensor::new(weight.shape.clone(), mask(scores, count)))
    });
    Ok(masked.collect())
}

/// Multiplies the weights by their masks.
pub fn apply_masks(weights: &mut Weights, masks: &Weights) -> Result<(), MissingTensor> {
    for (name, mask) in masks.iter() {
        let weight = weights.get_mut(name)?;
        weight.data.iter_mut().zip(&mask.data).filter(|(_, mask)| **mask == 0.0).for_each(|(weight, _)| *weight = 0.0);
    }
    Ok(())
}

/// A mask for every weight tensor that has exact zeros: those of unstructured pruning, which whatever trains the network further
/// must hold. A trained dense network has none.
pub fn zeros(model: &Model) -> Weights {
    let mask = |weight: &Tensor| {
        let data = weight.data.iter().map(|value| f32::from(u8::from(*value != 0.0))).collect();
        Tensor::new(weight.shape.clone(), data)
    };
    weight_names(&model.graph)
        .filter_map(|(_, name)| Some((name.clone(), model.weights.get(&name).ok()?)))
        .filter(|(_, weight)| weight.nonzero() < weight.elements())
        .map(|(name, weight)| (name, mask(weight)))
        .collect()
}

fn prunable<'a>(model: &'a Model, exclude: &[String]) -> Result<Vec<(String, &'a Tensor)>, MissingTensor> {
    let wanted = weight_names(&model.graph).filter(|(node, _)| !exclude.contains(&node.name));
    wanted
        .map(|(_, name)| {
            let weight = model.weights.get(&name)?;
            Ok((name, weight))
        })
        .collect()
}

/// The nodes with weights, and the full names of those.
fn weight_names(graph: &Graph) -> impl Iterator<Item = (&Node, String)> {
    graph.nodes.iter().filter_map(|node| Some((node, node.param_name(node.op.weight_name()?))))
}

/// The lowest go first; weights that are zero already lowest of all.
fn scores(name: &str, weight: &Tensor, criterion: Criterion) -> Result<Vec<f32>, PruneError> {
    match criterion {
        Criterion::L1 => Ok(weight.data.iter().map(|x| x.abs()).collect()),
        Criterion::Random { seed } => {
            let score = |(i, x): (usize, &f32)| if *x == 0.0 { -1.0 } else { random_score(seed, name, i) as f32 };
            Ok(weight.data.iter().enumerate().map(score).collect())
        }
        Criterion::L2 | Criterion::BnScale => Err(PruneError::Criterion(criterion.name())),
    }
}

/// How many weights of each layer are among the lowest of all, passing over layers that reached the cap.
fn global_counts(scores: &[Vec<f32>], options: &Unstructured) -> Vec<usize> {
    let cap = options.cap.clamp(options.amount, 1.0);
    let total: usize = scores.iter().map(Vec::len).sum();
    let mut budgets: Vec<usize> = scores.iter().map(|scores| (cap * scores.len() as f64).floor() as usize).collect();
    let mut all: Vec<(f32, u32)> = Vec::with_capacity(total);
    for (layer, scores) in scores.iter().enumerate() {
        all.extend(scores.iter().map(|score| (*score, layer as u32)));
    }
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut counts = vec![0; scores.len()];
    let mut left = share(options.amount, total);
    for (_, layer) in all {
        let layer = layer as usize;
        if left == 0 {
            break;
        }
        if budgets[layer] > 0 {
            budgets[layer] -= 1;
            counts[layer] += 1;
            left -= 1;
        }
    }
    counts
}

/// Zero for the `count` lowest scores, one for the others. Equal scores go in order.
fn mask(scores: &[f32], count: usize) -> Vec<f32> {
    let mut mask = vec![1.0; scores.len()];
    if count == 0 {
        return mask;
    }
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    let by_score = |a: &u32, b: &u32| scores[*a as usize].total_cmp(&scores[*b as usize]).then(a.cmp(b));
    let (lower, pivot, _) = order.select_nth_unstable_by(count - 1, by_score);
    lower.iter().chain(std::iter::once(&*pivot)).for_each(|i| mask[*i as usize] = 0.0);
    mask
}

fn share(amount: f64, of: usize) -> usize {
    (amount * of as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init;
    use crate::zoo::{self, ZooOptions};

    fn model() -> Model {
        init::model(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 1)
    }

    fn zeros(masks: &Weights) -> (usize, usize) {
        let all = masks.iter().map(|(_, mask)| mask.elements()).sum();
        (all, masks.iter().map(|(_, mask)| mask.elements() - mask.nonzero()).sum())
    }

    #[test]
    fn global_masks_hit_the_amount_exactly_and_zero_the_smallest() {
        let model = model();
        let masks = masks(&model, &Unstructured { amount: 0.7, cap: 1.0, ..Unstructured::default() }).unwrap();
        let (all, zero) = zeros(&masks);
        assert_eq!(zero, (0.7 * all as f64).round() as usize);
        let magnitudes = |wanted: f32| {
            let pairs =
                masks.iter().flat_map(|(name, mask)| mask.data.iter().zip(&model.weights.get(name).unwrap().data));
            pairs.filter(move |(mask, _)| **mask == wanted).map(|(_, weight)| weight.abs()).collect::<Vec<_>>()
        };
        let largest_gone = magnitudes(0.0).into_iter().fold(0.0f32, f32::max);
        let smallest_kept = magnitudes(1.0).into_iter().fold(f32::INFINITY, f32::min);
        assert!(largest_gone <= smallest_kept);
    }

    #[test]
    fn layer_masks_take_the_same_share_everywhere() {
        let options = Unstructured { amount: 0.5, scope: Scope::Layer, ..Unstructured::default() };
        let masks = masks(&model(), &options).unwrap();
        assert_eq!(masks.names().collect::<Vec<_>>(), ["conv1.weight", "conv2.weight", "conv3.weight", "fc.weight"]);
        assert!(masks.iter().all(|(_, mask)| mask.nonzero() * 2 == mask.elements()));
    }

    #[test]
    fn sparsity_grows_and_what_is_gone_stays_gone() {
        for criterion in [Criterion::L1, Criterion::Random { seed: 3 }] {
            let mut model = model();
            let at = |amount| Unstructured { amount, criterion, ..Unstructured::default() };
            let first = masks(&model, &at(0.3)).unwrap();
            apply_masks(&mut model.weights, &first).unwrap();
            let second = masks(&model, &at(0.6)).unwrap();
            let gone = |masks: &Weights| {
                let zero = masks.iter().flat_map(|(name, mask)| {
                    mask.data.iter().enumerate().filter(|(_, x)| **x == 0.0).map(move |(i, _)| (name.to_owned(), i))
                });
                zero.collect::<std::collections::HashSet<_>>()
            };
            assert!(gone(&first).is_subset(&gone(&second)));
            let (all, zero) = zeros(&second);
            assert_eq!(zero, (0.6 * all as f64).round() as usize);
        }
    }

    #[test]
    fn zeros_beyond_the_amount_are_held_too() {
        for scope in [Scope::Global, Scope::Layer] {
            let mut model = model();
            let at = |amount| Unstructured { amount, scope, ..Unstructured::default() };
            let sparse = masks(&model, &at(0.9)).unwrap();
            apply_masks(&mut model.weights, &sparse).unwrap();
            assert_eq!(masks(&model, &at(0.3)).unwrap(), sparse);
        }
    }

    #[test]
    fn only_tensors_with_zeros_are_held() {
        let mut model = model();
        assert!(super::zeros(&model).is_empty(), "a dense network holds nothing");
        model.weights.get_mut("conv2.weight").unwrap().data[3] = 0.0;
        let held = super::zeros(&model);
        assert_eq!(held.names().collect::<Vec<_>>(), ["conv2.weight"]);
        let mask = held.get("conv2.weight").unwrap();
        assert_eq!((mask.data[3], mask.data[4], mask.nonzero()), (0.0, 1.0, mask.elements() - 1));
    }

    #[test]
    fn no_layer_exceeds_the_cap_and_excluded_layers_stay() {
        let mut model = model();
        // A layer whose weights are all tiny would vanish.
        model.weights.get_mut("conv2.weight").unwrap().data.iter_mut().for_each(|x| *x *= 1e-3);
        let options = Unstructured { amount: 0.5, cap: 0.8, exclude: vec!["fc".into()], ..Unstructured::default() };
        let masks = masks(&model, &options).unwrap();
        assert!(!masks.contains("fc.weight"));
        let conv2 = masks.get("conv2.weight").unwrap();
        assert_eq!(conv2.elements() - conv2.nonzero(), (0.8 * conv2.elements() as f64) as usize);
    }

    #[test]
    fn wrong_amounts_and_criteria_are_errors() {
        let with = |amount, criterion| masks(&model(), &Unstructured { amount, criterion, ..Unstructured::default() });
        assert_eq!(with(1.0, Criterion::L1), Err(PruneError::Amount(1.0)));
        assert_eq!(with(0.5, Criterion::BnScale), Err(PruneError::Criterion("bn_scale")));
    }
}
