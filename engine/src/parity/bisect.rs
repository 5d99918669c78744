//! The first node at which two executions part.

use std::collections::BTreeMap;

use sweep_model::{Graph, Op, Tensor};
use sweep_shared::bisect::{BisectComparison, BisectNode};

use super::values::Values;

/// Compares `ours` with the values of another execution, `against`, node by node. `names` says under which name the other knows
/// a node's value; nodes that either does not know are left out.
pub fn compare(
    graph: &Graph,
    ours: &Values,
    against: (&str, &Values),
    names: &BTreeMap<String, String>,
    tolerance: f64,
) -> BisectComparison {
    let (against, others) = against;
    let mut nodes = Vec::new();
    for node in graph.nodes.iter().filter(|node| !matches!(node.op, Op::Input)) {
        let other = names.get(&node.name).and_then(|name| others.get(name));
        let (Some(our), Some(other)) = (ours.get(&node.name), other) else { continue };
        let (name, kind, shape) = (node.name.clone(), node.op.kind().to_owned(), our.shape.clone());
        nodes.push(BisectNode { name, kind, shape, difference: difference(our, other) });
    }
    let first = nodes.iter().find(|node| node.differs(tolerance)).map(|node| node.name.clone());
    BisectComparison { against: against.to_owned(), first, nodes }
}

/// max|Δ| / max|value|. Sides of length 1 may be left out of a shape: a mean over the image is `[N, C]` or `[N, C, 1, 1]`.
fn difference(ours: &Tensor, theirs: &Tensor) -> Option<f64> {
    let sides = |tensor: &Tensor| tensor.shape.iter().copied().filter(|side| *side != 1).collect::<Vec<_>>();
    if sides(ours) != sides(theirs) {
        return None;
    }
    let mut difference = 0f64;
    let mut largest = f64::from(f32::MIN_POSITIVE);
    for (a, b) in ours.data.iter().zip(&theirs.data) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        if !(a - b).is_finite() {
            return None;
        }
        difference = difference.max((a - b).abs());
        largest = largest.max(a.abs()).max(b.abs());
    }
    Some(difference / largest)
}

/// For each node of `graph`, the node of its deployed form with the same value: itself, or for a batch norm that was folded,
/// the convolution, whose own value is then no longer there.
pub fn deployed_names(graph: &Graph, deployed: &Graph) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for node in &graph.nodes {
        if deployed.node(&node.name).is_some() {
            names.insert(node.name.clone(), node.name.clone());
        } else if let (Op::BatchNorm2d(_), Some(before)) = (&node.op, node.input())
            && let Some(name) = names.remove(before)
        {
            names.insert(node.name.clone(), name);
        }
    }
    names
}

/// Every node under its own name.
pub fn own_names(graph: &Graph) -> BTreeMap<String, String> {
    graph.nodes.iter().map(|node| (node.name.clone(), node.name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parity::{Subject, deployed_values, lowered_values};
    use sweep_model::zoo::{self, ZooOptions};

    fn subject() -> Subject {
        Subject::randomised(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 2)
    }

    fn bisect(ours: &Subject, others: &Subject) -> BisectComparison {
        let (deployed, values) = deployed_values(others).unwrap();
        let names = deployed_names(&ours.model.graph, &deployed);
        compare(&ours.model.graph, &lowered_values(ours).unwrap(), ("", &values), &names, 1e-4)
    }

    #[test]
    fn every_node_of_the_same_network_is_compared_and_agrees() {
        let ours = subject();
        let found = bisect(&ours, &subject());
        assert_eq!(found.first, None, "{found:?}");
        let compared: Vec<&str> = found.nodes.iter().map(|node| node.name.as_str()).collect();
        // What was folded is compared once, at the batch norm.
        let all = ours.model.graph.nodes.iter().map(|node| node.name.as_str());
        let unfolded: Vec<&str> = all.filter(|name| !name.starts_with("conv") && *name != "input").collect();
        assert_eq!(compared, unfolded);
    }

    #[test]
    fn a_planted_difference_is_found_where_it_was_planted() {
        let mut planted = subject();
        let variance = planted.model.weights.get_mut("bn2.running_var").unwrap();
        // What ε = 1e-3 instead of 1e-5 does to one channel.
        variance.data[5] += 1e-3;
        assert_eq!(bisect(&subject(), &planted).first.as_deref(), Some("bn2"));
    }

    #[test]
    fn shapes_and_numbers_that_are_none_differ() {
        let tensor = |shape: &[usize], data: &[f32]| Tensor::new(shape, data.to_vec());
        assert_eq!(difference(&tensor(&[1, 2], &[1.0, 2.0]), &tensor(&[1, 2, 1, 1], &[1.0, 2.0])), Some(0.0));
        assert_eq!(difference(&tensor(&[2], &[1.0, 2.0]), &tensor(&[2], &[1.0, 1.5])), Some(0.25));
        assert_eq!(difference(&tensor(&[2], &[1.0, 2.0]), &tensor(&[1], &[1.0])), None);
        assert_eq!(difference(&tensor(&[1], &[f32::NAN]), &tensor(&[1], &[1.0])), None);
    }
}
