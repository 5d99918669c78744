//! Melting batch norm into the convolution before it, and dropping what only training needs.

use std::collections::HashSet;

use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::op::{BatchNorm2d, Op};
use crate::tensor::{MissingTensor, Tensor, Weights};

/// Removes auxiliary classifiers, with all nodes and tensors that only they need.
pub fn remove_auxiliary(model: &Model) -> Model {
    let mut model = model.clone();
    let needed: HashSet<String> = model.graph.deployed_nodes().into_iter().map(str::to_owned).collect();
    model.graph.auxiliary.clear();
    let (kept, gone): (Vec<Node>, Vec<Node>) =
        model.graph.nodes.into_iter().partition(|node| needed.contains(&node.name) || node.op == Op::Input);
    model.graph.nodes = kept;
    for (name, _) in gone.iter().flat_map(Node::params) {
        model.weights.remove(&name);
    }
    model
}

/// Removes Dropout and stochastic depth, which are the identity outside training.
pub fn remove_dropout(model: &Model) -> Model {
    let mut model = model.clone();
    let graph = &mut model.graph;
    let dropout = |node: &Node| matches!(node.op, Op::Dropout { .. } | Op::StochasticDepth { .. });
    while let Some(at) = graph.nodes.iter().position(dropout) {
        let node = graph.nodes.remove(at);
        graph.redirect(&node.name, node.inputs.first().map_or("", String::as_str));
    }
    model
}

/// Turns batch norm that could not be folded, because it follows no convolution of its own (DenseNet's, after a Concat), into one
/// multiplication and addition per channel, under its name.
pub fn batch_norm_to_affine(model: &Model) -> Result<Model, MissingTensor> {
    let mut model = model.clone();
    for node in &mut model.graph.nodes {
        let Op::BatchNorm2d(attrs) = &node.op else { continue };
        let factors = fold_factors(&model.weights, &node.name, attrs)?;
        let bias = folded_bias(&model.weights, &node.name, &factors, &[])?;
        let weight: Vec<f32> = factors.iter().map(|factor| *factor as f32).collect();
        model.weights.insert(node.param_name("weight"), Tensor::new([weight.len()], weight));
        model.weights.insert(node.param_name("bias"), bias);
        for param in ["running_mean", "running_var"] {
            model.weights.remove(&node.param_name(param));
        }
        node.op = Op::ChannelAffine { features: attrs.features };
    }
    Ok(model)
}

/// Replaces each convolution and the batch norm that alone reads it by one convolution with bias, under the convolution's
/// name. A batch norm that follows something else, or a convolution that others read too, stays.
///
/// With γ, β, μ, σ² of the batch norm: `w' = w · γ / √(σ² + ε)` and `b' = β + (b − μ) · γ / √(σ² + ε)`, computed in f64.
/// `weight_scale` of a quantized convolution belongs to the folded weights already and is left as it is.
pub fn fold_batch_norm(model: &Model) -> Result<Model, MissingTensor> {
    let mut model = model.clone();
    // Again until there is nothing left, for a batch norm after a batch norm.
    loop {
        let pairs = foldable_pairs(&model.graph);
        if pairs.is_empty() {
            return Ok(model);
        }
        for (conv, norm) in pairs {
            fold_pair(&mut model, &conv, &norm)?;
        }
    }
}

fn fold_pair(model: &mut Model, conv: &str, norm: &str) -> Result<(), MissingTensor> {
    let Some(Node { op: Op::BatchNorm2d(attrs), .. }) = model.graph.node(norm).cloned() else { return Ok(()) };
    fold_weights(&mut model.weights, conv, norm, &attrs)?;
    if let Some(Node { op: Op::Conv2d(attrs), .. }) = model.graph.node_mut(conv) {
        attrs.bias = true;
    }
    model.graph.nodes.retain(|node| node.name != norm);
    model.graph.redirect(norm, conv);
    Ok(())
}

/// Names of `(convolution, batch norm)` that [`fold_batch_norm`] melts together, in graph order.
pub fn foldable_pairs(graph: &Graph) -> Vec<(String, String)> {
    let convs = graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv2d(_)));
    let pair = |conv: &Node| {
        let norm = graph.only_consumer(&conv.name)?;
        matches!(norm.op, Op::BatchNorm2d(_)).then(|| (conv.name.clone(), norm.name.clone()))
    };
    convs.filter_map(pair).collect()
}

/// `γ / √(σ² + ε)` of each channel: what the weights before a batch norm are multiplied by when it is folded.
pub fn fold_factors(weights: &Weights, norm: &str, attrs: &BatchNorm2d) -> Result<Vec<f64>, MissingTensor> {
    let gamma = &weights.param(norm, "weight")?.data;
    let variance = &weights.param(norm, "running_var")?.data;
    let factor = |(g, v): (&f32, &f32)| f64::from(*g) / (f64::from(*v) + attrs.eps).sqrt();
    Ok(gamma.iter().zip(variance).map(factor).collect())
}

fn fold_weights(weights: &mut Weights, conv: &str, norm: &str, attrs: &BatchNorm2d) -> Result<(), MissingTensor> {
    let factors = fold_factors(weights, norm, attrs)?;
    let old_bias = weights.param(conv, "bias").map(|bias| bias.data.clone()).unwrap_or_default();
    let bias = folded_bias(weights, norm, &factors, &old_bias)?;
    scale_rows(weights.get_mut(&format!("{conv}.weight"))?, &factors);
    weights.insert(format!("{conv}.bias"), bias);
    for param in ["weight", "bias", "running_mean", "running_var"] {
        weights.remove(&format!("{norm}.{param}"));
    }
    Ok(())
}

/// `β + (b − μ) · factor` of each channel; `before` is empty where there was no bias.
fn folded_bias(weights: &Weights, norm: &str, factors: &[f64], before: &[f32]) -> Result<Tensor, MissingTensor> {
    let mean = &weights.param(norm, "running_mean")?.data;
    let beta = &weights.param(norm, "bias")?.data;
    let bias = |c: usize| {
        let before = before.get(c).copied().map_or(0.0, f64::from);
        (f64::from(beta[c]) + (before - f64::from(mean[c])) * factors[c]) as f32
    };
    Ok(Tensor::new([factors.len()], (0..factors.len()).map(bias).collect()))
}

/// Multiplies each output channel's weights by its factor.
pub(crate) fn scale_rows(weight: &mut Tensor, factors: &[f64]) {
    let row = weight.data.len() / factors.len().max(1);
    for (values, factor) in weight.data.chunks_mut(row.max(1)).zip(factors) {
        for value in values {
            *value = (f64::from(*value) * factor) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, INPUT};
    use crate::passes::pipeline;
    use crate::reference::{self, testing};
    use crate::zoo::{self, ZooOptions};

    fn assert_same_logits(model: &Model, rewritten: &Model) {
        let batch = testing::images(&model.graph, 2, 5);
        let before = reference::logits(model, &batch).unwrap();
        let after = reference::logits(rewritten, &batch).unwrap();
        testing::assert_close(&before, &after, 1e-5);
    }

    #[test]
    fn folding_keeps_the_logits_and_leaves_no_batch_norm() {
        let options = ZooOptions::new([3, 8, 8], 4);
        for name in ["tiny-cnn", "resnet20-cifar"] {
            let model = testing::lively_model(zoo::build(name, &options).unwrap(), 3);
            let folded = pipeline::deploy(&model).unwrap();
            assert!(!folded.graph.nodes.iter().any(|node| matches!(node.op, Op::BatchNorm2d(_))), "{name}");
            assert_same_logits(&model, &folded);
        }
    }

    #[test]
    fn a_convolution_read_twice_is_not_folded() {
        let mut b = GraphBuilder::new("twice", [2, 4, 4], 3);
        let conv = b.conv("conv", INPUT, 4, 3, 1);
        let norm = b.batch_norm("bn", &conv);
        let sum = b.add("add", &conv, &norm);
        let logits = b.classifier(&sum);
        let model = testing::lively_model(b.finish(&logits).unwrap(), 1);
        assert_eq!(fold_batch_norm(&model).unwrap(), model);
        let deployed = pipeline::deploy(&model).unwrap();
        assert_eq!(deployed.graph.node("bn").unwrap().op, Op::ChannelAffine { features: 4 });
        assert_same_logits(&model, &deployed);
    }

    #[test]
    fn an_auxiliary_classifier_goes_with_all_that_only_it_needs() {
        let mut b = GraphBuilder::new("aided", [2, 4, 4], 3);
        let x = b.conv("stem", INPUT, 4, 3, 1);
        let side = b.conv("side.conv", &x, 5, 1, 1);
        let side = b.batch_norm("side.bn", &side);
        let side = b.push("side.flatten", Op::Flatten, &[&side]);
        let side = b.linear("side.fc", &side, 3);
        b.auxiliary(&side, 0.3);
        let logits = b.classifier(&x);
        let model = testing::lively_model(b.finish(&logits).unwrap(), 1);
        let deployed = pipeline::deploy(&model).unwrap();
        assert!(
            deployed.graph.auxiliary.is_empty() && !deployed.graph.nodes.iter().any(|n| n.name.starts_with("side"))
        );
        assert_eq!(deployed.weights.names().collect::<Vec<_>>(), ["fc.bias", "fc.weight", "stem.weight"]);
        assert_same_logits(&model, &deployed);
    }

    #[test]
    fn dropout_goes_even_when_it_is_the_output() {
        let mut b = GraphBuilder::new("dropped", [1, 2, 2], 4);
        let flat = b.push("flatten", Op::Flatten, &[INPUT]);
        let x = b.push("dropout1", Op::Dropout { p: 0.5 }, &[&flat]);
        let x = b.linear("fc", &x, 4);
        let x = b.push("dropout2", Op::Dropout { p: 0.1 }, &[&x]);
        let model = testing::lively_model(b.finish(&x).unwrap(), 1);
        let deployed = pipeline::deploy(&model).unwrap();
        assert_eq!(deployed.graph.output, "fc");
        assert_eq!(deployed.graph.nodes.len(), 3);
        assert_same_logits(&model, &deployed);
    }

    #[test]
    fn the_bias_of_a_folded_convolution_follows_the_formula() {
        let mut b = GraphBuilder::new("one", [1, 1, 1], 2);
        let conv = Op::Conv2d(crate::op::Conv2d::new(1, 2, 1).with_bias());
        let conv = b.push("conv", conv, &[INPUT]);
        let norm = b.batch_norm("bn", &conv);
        let flat = b.push("flatten", Op::Flatten, &[&norm]);
        let mut model = testing::lively_model(b.finish(&flat).unwrap(), 1);
        let set = |model: &mut Model, name: &str, values: [f32; 2]| {
            model.weights.get_mut(name).unwrap().data.copy_from_slice(&values);
        };
        set(&mut model, "conv.weight", [2.0, -1.0]);
        set(&mut model, "conv.bias", [1.0, 0.5]);
        set(&mut model, "bn.weight", [3.0, 0.0]);
        set(&mut model, "bn.bias", [0.25, 7.0]);
        set(&mut model, "bn.running_mean", [0.5, 9.0]);
        set(&mut model, "bn.running_var", [4.0 - 1e-5, 1.0]);
        let folded = pipeline::deploy(&model).unwrap();
        assert_eq!(folded.weights.get("conv.weight").unwrap().data, [3.0, 0.0]);
        // 0.25 + (1 − 0.5) · 3/2, and β where γ is zero.
        assert_eq!(folded.weights.get("conv.bias").unwrap().data, [1.0, 7.0]);
    }
}
