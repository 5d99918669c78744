//! Following channels through the graph.

use std::collections::HashMap;

use super::rules;
use crate::graph::Graph;
use crate::shape::{self, ShapeError};

/// One channel of one value, before it is known what it is coupled with.
pub(super) type Slot = usize;

/// Which slots must be kept or removed together: a union-find, with a mark for sets that must stay.
#[derive(Default)]
pub(super) struct Coupling {
    parent: Vec<Slot>,
    frozen: Vec<bool>,
}

impl Coupling {
    /// New slots, each on its own.
    pub(super) fn fresh(&mut self, count: usize) -> Vec<Slot> {
        let first = self.parent.len();
        self.parent.extend(first..first + count);
        self.frozen.resize(first + count, false);
        (first..first + count).collect()
    }

    /// The smallest slot of the set, which names it.
    pub(super) fn root(&self, mut slot: Slot) -> Slot {
        while self.parent[slot] != slot {
            slot = self.parent[slot];
        }
        slot
    }

    /// Couples two sets.
    pub(super) fn join(&mut self, a: Slot, b: Slot) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.frozen[low] |= self.frozen[high];
        self.parent[high] = low;
    }

    /// Forbids removing the set.
    pub(super) fn freeze(&mut self, slot: Slot) {
        let root = self.root(slot);
        self.frozen[root] = true;
    }

    fn is_frozen(&self, root: Slot) -> bool {
        self.frozen[root]
    }
}

/// The coupled channels of every value of a graph.
pub(super) struct Dependencies {
    /// For each node, the coupled channel that each channel of its value belongs to.
    pub(super) channels: HashMap<String, Vec<Slot>>,
    /// Coupled channels that must stay: those of the image and the logits.
    pub(super) frozen: Vec<Slot>,
}

/// Follows the channels from the image to the logits.
pub(super) fn trace(graph: &Graph) -> Result<Dependencies, ShapeError> {
    let shapes = shape::infer(graph)?;
    let mut coupling = Coupling::default();
    let mut slots: HashMap<String, Vec<Slot>> = HashMap::new();
    for node in &graph.nodes {
        let inputs: Vec<&[Slot]> = node.inputs.iter().map(|input| slots[input].as_slice()).collect();
        let channels = shape::channels(&shapes[&node.name]);
        let output = rules::output_slots(&node.op, &inputs, channels, &mut coupling);
        slots.insert(node.name.clone(), output);
    }
    for node in graph.nodes.iter().filter(|node| graph.is_output(&node.name)) {
        slots[&node.name].iter().for_each(|slot| coupling.freeze(*slot));
    }
    for slot in slots.values_mut().flatten() {
        *slot = coupling.root(*slot);
    }
    let roots = (0..coupling.parent.len()).filter(|slot| coupling.root(*slot) == *slot);
    let frozen = roots.filter(|root| coupling.is_frozen(*root)).collect();
    Ok(Dependencies { channels: slots, frozen })
}
