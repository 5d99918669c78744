//! Putting a file's tensors into a network, all of them or none.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use super::StateDict;
use super::array::Array;
use super::error::StateDictError;
use super::names;
use crate::graph::Node;
use crate::model::Model;
use crate::op::{Param, Role};

/// What may differ between file and network.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Names of nodes that keep their first weights where the file's have another shape or are missing: the last layer, for
    /// another number of classes.
    pub replace: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Number of tensors that came from the file.
    pub tensors: usize,
    /// Nodes that kept their first weights.
    pub replaced: Vec<String>,
    /// What else a user should know, a sentence each.
    pub notes: Vec<String>,
}

/// A tensor of another shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    /// Its name.
    pub name: String,
    /// The file's shape.
    pub found: Vec<usize>,
    /// The network's.
    pub expected: Vec<usize>,
}

/// How a file differs from a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Mismatch {
    /// The network.
    pub network: String,
    /// Number of tensors that fit.
    pub fitting: usize,
    /// What the network needs and the file does not have.
    pub missing: Vec<String>,
    /// What the file has and the network does not know.
    pub unexpected: Vec<String>,
    /// What has another shape.
    pub misshapen: Vec<Misshapen>,
    /// What has integers where the network has weights.
    pub integers: Vec<String>,
}

/// Puts the tensors of a state dict into the network. Names and shapes must be those of the network's parameters and buffers,
/// except for `options.replace` and for:
/// - what training scripts put in front of all names (`module.`), and names of older versions of torchvision;
/// - `num_batches_tracked`, which is skipped, and quantizers, which keep their values;
/// - auxiliary classifiers, if the file has nothing of any of them (`aux_logits=False`): they keep their first weights.
///
/// On an error the network is as it was.
pub fn load(model: &mut Model, file: &StateDict, options: &LoadOptions) -> Result<Loaded, StateDictError> {
    let wanted: BTreeMap<String, Param> =
        model.graph.params().filter(|(_, param)| param.role != Role::Quantizer).collect();
    let mut notes: Vec<_> =
        file.wrapper().map(|key| format!("the weights are those under {key:?} in the file")).into_iter().collect();
    let found = align(file, &wanted, &mut notes);
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let auxiliary = auxiliary_nodes(model);
    if !auxiliary.is_empty() && auxiliary.iter().all(|node| lacks(model, node, &found)) {
        notes.push("the file has no auxiliary classifiers: those of the network keep their first weights".into());
        kept.extend(auxiliary);
    }
    let others = options.replace.iter().filter(|node| !kept.contains(*node) && differs(model, node, &found));
    let replaced: Vec<String> = others.cloned().collect();
    kept.extend(replaced.iter().cloned());
    let arrays = fitting(model, &wanted, &found, &kept)?;
    let loaded = Loaded { tensors: arrays.len(), replaced, notes };
    for (name, array) in arrays {
        // The shape is the network's, so the file cannot claim more than it costs anyway.
        model.weights.insert(name, array.to_tensor().expect("only floats fit"));
    }
    Ok(loaded)
}

type Found<'d> = BTreeMap<String, &'d Array<'d>>;

/// The file's tensors under the network's names.
fn align<'d>(file: &'d StateDict<'d>, wanted: &BTreeMap<String, Param>, notes: &mut Vec<String>) -> Found<'d> {
    let mut found: Found = file.iter().map(|(name, array)| (name.to_owned(), array)).collect();
    while let Some(prefix) = foreign_prefix(&found, wanted) {
        found = found.into_iter().map(|(name, array)| (name[prefix.len()..].to_owned(), array)).collect();
        notes.push(format!("{prefix:?} was taken from the front of every name"));
    }
    let modern =
        |name: &String| names::modern(name).filter(|new| !wanted.contains_key(name) && wanted.contains_key(new));
    let renamed: Vec<_> = found.keys().filter_map(|old| Some((old.clone(), modern(old)?))).collect();
    if !renamed.is_empty() {
        notes.push(format!("{} tensors have names of an older torchvision", renamed.len()));
    }
    for (old, new) in renamed {
        if let Some(array) = found.remove(&old) {
            found.entry(new).or_insert(array);
        }
    }
    found.retain(|name, _| wanted.contains_key(name) || !names::counts_batches(name));
    found
}

/// What stands in front of every name in the file and of none in the network.
fn foreign_prefix(found: &Found, wanted: &BTreeMap<String, Param>) -> Option<&'static str> {
    names::PREFIXES.into_iter().find(|prefix| {
        !found.is_empty()
            && found.keys().all(|name| name.starts_with(prefix))
            && !wanted.keys().any(|name| name.starts_with(prefix))
    })
}

/// Full names and descriptions of a node's tensors that a file can have.
fn tensors_of(model: &Model, node: &str) -> Vec<(String, Param)> {
    let params = model.graph.node(node).into_iter().flat_map(Node::params);
    params.filter(|(_, param)| param.role != Role::Quantizer).collect()
}

fn differs(model: &Model, node: &str, found: &Found) -> bool {
    let fits = |(name, param): &(String, Param)| found.get(name).is_some_and(|array| array.shape() == param.shape);
    !tensors_of(model, node).iter().all(fits)
}

fn lacks(model: &Model, node: &str, found: &Found) -> bool {
    tensors_of(model, node).iter().all(|(name, _)| !found.contains_key(name))
}

/// Nodes with tensors that only auxiliary classifiers need.
fn auxiliary_nodes(model: &Model) -> Vec<String> {
    let deployed = model.graph.deployed_nodes();
    let spare = model.graph.nodes.iter().filter(|node| !deployed.contains(node.name.as_str()));
    spare.filter(|node| !tensors_of(model, &node.name).is_empty()).map(|node| node.name.clone()).collect()
}

/// What to load, if all fits.
fn fitting<'d>(
    model: &Model,
    wanted: &BTreeMap<String, Param>,
    found: &Found<'d>,
    kept: &BTreeSet<String>,
) -> Result<Vec<(String, &'d Array<'d>)>, Box<Mismatch>> {
    let kept: HashSet<String> = kept.iter().flat_map(|node| tensors_of(model, node)).map(|(name, _)| name).collect();
    let mut mismatch = Mismatch { network: model.graph.name.clone(), ..Mismatch::default() };
    let mut arrays = Vec::new();
    for (name, param) in wanted.iter().filter(|(name, _)| !kept.contains(*name)) {
        match found.get(name) {
            None => mismatch.missing.push(name.clone()),
            Some(array) if array.shape() != param.shape => {
                let (found, expected) = (array.shape().to_vec(), param.shape.clone());
                mismatch.misshapen.push(Misshapen { name: name.clone(), found, expected });
            }
            Some(array) if !array.element().is_float() => mismatch.integers.push(name.clone()),
            Some(array) => arrays.push((name.clone(), *array)),
        }
    }
    mismatch.unexpected = found.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
    mismatch.fitting = arrays.len();
    if mismatch.is_none() { Ok(arrays) } else { Err(Box::new(mismatch)) }
}

impl Mismatch {
    fn is_none(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty() && self.integers.is_empty()
    }

    fn remedy(&self) -> &'static str {
        if self.fitting == 0 {
            "no tensor fits, so the file is probably of another architecture"
        } else if self.missing.is_empty() && self.unexpected.is_empty() {
            "the names are right, so the network's classes, width or image size are probably others than the file's"
        } else if self.missing.is_empty() {
            "the file is probably of a larger variant of the network, or holds more than its weights"
        } else if self.unexpected.is_empty() {
            "the file is probably of a smaller variant of the network, or only of a part of it"
        } else {
            "the file is probably of another variant of the network, or other names were given to its layers"
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file's tensors are not those of {:?}", self.network)?;
        let shapes: Vec<_> = self.misshapen.iter().map(ToString::to_string).collect();
        let parts = [
            ("missing", &self.missing),
            ("not known to the network", &self.unexpected),
            ("of another shape", &shapes),
            ("integers instead of weights", &self.integers),
        ];
        for (what, names) in parts {
            if !names.is_empty() {
                write!(f, "; {} {what}: {}", names.len(), some(names))?;
            }
        }
        write!(f, "; {}", self.remedy())
    }
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?} in the file, {:?} in the network)", self.name, self.found, self.expected)
    }
}

/// The first few, so that a file of another network does not fill the screen.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    let rest = names.len().saturating_sub(SHOWN);
    if rest == 0 { shown } else { format!("{shown} and {rest} more") }
}

#[cfg(test)]
mod tests;
