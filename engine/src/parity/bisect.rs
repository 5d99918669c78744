//! The first node at which two executions part.

use std::collections::BTreeMap;

use sweep_model::{Graph, Op, Tensor};

use super::values::Values;

/// One node that both executions know, in graph order.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub node: String,
    /// The op's word.
    pub kind: &'static str,
    /// Of the first execution's value, `[N, …]`.
    pub shape: Vec<usize>,
    /// max|Δ| / max|value|; infinite where shapes differ or a number is none.
    pub relative: f64,
}

/// Two executions of one network, node by node.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub rows: Vec<Row>,
    /// Index of the first row that differs by more than the tolerance.
    pub first: Option<usize>,
}

/// Compares the values of `graph`'s nodes. `theirs` says under which name the other execution knows a node's value; nodes that
/// either does not know are left out.
pub fn compare(
    graph: &Graph,
    ours: &Values,
    others: &Values,
    theirs: &BTreeMap<String, String>,
    tolerance: f64,
) -> Comparison {
    let mut rows = Vec::new();
    for node in graph.nodes.iter().filter(|node| !matches!(node.op, Op::Input)) {
        let other = theirs.get(&node.name).and_then(|name| others.get(name));
        let (Some(our), Some(other)) = (ours.get(&node.name), other) else { continue };
        let relative = relative(our, other);
        rows.push(Row { node: node.name.clone(), kind: node.op.kind(), shape: our.shape.clone(), relative });
    }
    // Written so that NaN counts as a difference.
    let first = rows.iter().position(|row| !matches!(row.relative.partial_cmp(&tolerance), Some(o) if o.is_le()));
    Comparison { rows, first }
}

/// max|Δ| / max|value| of two tensors, which may be flattened differently.
fn relative(ours: &Tensor, theirs: &Tensor) -> f64 {
    let sides = |tensor: &Tensor| tensor.shape.iter().copied().filter(|side| *side != 1).collect::<Vec<_>>();
    if sides(ours) != sides(theirs) {
        return f64::INFINITY;
    }
    let mut difference = 0f64;
    let mut largest = f64::from(f32::MIN_POSITIVE);
    for (a, b) in ours.data.iter().zip(&theirs.data) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        if !(a - b).is_finite() {
            return f64::INFINITY;
        }
        difference = difference.max((a - b).abs());
        largest = largest.max(a.abs()).max(b.abs());
    }
    difference / largest
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parity::{Subject, deployed_values, lowered_values};
    use sweep_model::zoo::{self, ZooOptions};

    fn subject() -> Subject {
        Subject::randomised(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 2)
    }

    fn bisect(ours: &Subject, others: &Subject) -> Comparison {
        let (deployed, values) = deployed_values(others).unwrap();
        let names = deployed_names(&ours.model.graph, &deployed);
        compare(&ours.model.graph, &lowered_values(ours).unwrap(), &values, &names, 1e-4)
    }

    #[test]
    fn every_node_of_the_same_network_is_compared_and_agrees() {
        let ours = subject();
        let found = bisect(&ours, &subject());
        assert_eq!(found.first, None, "{found:?}");
        let compared: Vec<&str> = found.rows.iter().map(|row| row.node.as_str()).collect();
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
        let found = bisect(&subject(), &planted);
        let first = found.first.map(|at| found.rows[at].node.as_str());
        assert_eq!(first, Some("bn2"), "{found:?}");
    }

    #[test]
    fn shapes_and_numbers_that_are_none_differ() {
        let tensor = |shape: &[usize], data: &[f32]| Tensor::new(shape, data.to_vec());
        assert_eq!(relative(&tensor(&[1, 2], &[1.0, 2.0]), &tensor(&[1, 2, 1, 1], &[1.0, 2.0])), 0.0);
        assert_eq!(relative(&tensor(&[2], &[1.0, 2.0]), &tensor(&[2], &[1.0, 1.5])), 0.25);
        assert_eq!(relative(&tensor(&[2], &[1.0, 2.0]), &tensor(&[1], &[1.0])), f64::INFINITY);
        assert_eq!(relative(&tensor(&[1], &[f32::NAN]), &tensor(&[1], &[1.0])), f64::INFINITY);
    }
}
