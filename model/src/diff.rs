//! What tells two networks apart, node by node: a pruned one from the one it was made of, or one architecture from the next.
//!
//! Nodes are the same if they bear the same name.

use std::collections::HashMap;

use crate::cost::{self, Cost, NodeCost};
use crate::graph::{Graph, Node};
use crate::shape::ShapeError;

/// How one network differs from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// What the first costs.
    pub before: Cost,
    /// What the second costs.
    pub after: Cost,
    /// Nodes of the first alone, in its order.
    pub removed: Vec<NodeCost>,
    /// Nodes of the second alone, in its order.
    pub added: Vec<NodeCost>,
    /// Nodes of both that are not alike, in the second's order.
    pub changed: Vec<Change>,
    /// Number of nodes that are alike in everything.
    pub alike: usize,
}

/// A node of both networks that is not the same in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it costs in the first.
    pub before: NodeCost,
    /// What it costs in the second.
    pub after: NodeCost,
    /// Differences of kind and attributes, as the dump of a graph names them: `out 64 → 31`.
    pub attributes: Vec<String>,
    /// Whether it reads other nodes.
    pub rewired: bool,
}

impl Diff {
    /// Whether the networks are the same, weights aside.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }
}

/// Compares `after` with `before`; an error if either does not fit together.
pub fn diff(before: &Graph, after: &Graph) -> Result<Diff, ShapeError> {
    let (before_cost, after_cost) = (cost::count(before)?, cost::count(after)?);
    let (mut added, mut changed, mut alike) = (Vec::new(), Vec::new(), 0);
    let old = by_name(before, &before_cost);
    let new = by_name(after, &after_cost);
    for (node, now) in after.nodes.iter().zip(&after_cost.nodes) {
        match old.get(node.name.as_str()) {
            None => added.push(now.clone()),
            Some((old, was)) => match change(old, was, node, now) {
                Some(change) => changed.push(change),
                None => alike += 1,
            },
        }
    }
    let removed = before_cost.nodes.iter().filter(|node| !new.contains_key(node.name.as_str())).cloned().collect();
    Ok(Diff { before: before_cost, after: after_cost, removed, added, changed, alike })
}

fn by_name<'a>(graph: &'a Graph, cost: &'a Cost) -> HashMap<&'a str, (&'a Node, &'a NodeCost)> {
    graph.nodes.iter().zip(&cost.nodes).map(|(node, cost)| (node.name.as_str(), (node, cost))).collect()
}

fn change(old: &Node, was: &NodeCost, new: &Node, now: &NodeCost) -> Option<Change> {
    let rewired = old.inputs != new.inputs;
    if old.op == new.op && was == now && !rewired {
        return None;
    }
    Some(Change { before: was.clone(), after: now.clone(), attributes: attributes(old, new), rewired })
}

/// Attributes that are not the same, in the order of the dump; of another op only its kind.
fn attributes(old: &Node, new: &Node) -> Vec<String> {
    if old.op.kind() != new.op.kind() {
        return vec![format!("{} → {}", old.op.kind(), new.op.kind())];
    }
    let (old, new) = (old.attributes(), new.attributes());
    let pairs = |text: &str| -> Vec<(String, String)> {
        let pair = |word: &str| {
            word.split_once('=').map_or((word.to_owned(), "yes".to_owned()), |(k, v)| (k.into(), v.into()))
        };
        text.split(' ').filter(|word| !word.is_empty()).map(pair).collect()
    };
    let (old, new) = (pairs(&old), pairs(&new));
    let value = |of: &[(String, String)], key: &str| of.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    let mut keys: Vec<&String> = new.iter().map(|(key, _)| key).collect();
    keys.extend(old.iter().map(|(key, _)| key).filter(|key| value(&new, key).is_none()));
    let differing = keys.into_iter().filter_map(|key| {
        let (was, now) = (value(&old, key), value(&new, key));
        let text = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
        (was != now).then(|| format!("{key} {} → {}", text(was), text(now)))
    });
    differing.collect()
}

#[cfg(test)]
mod tests;
