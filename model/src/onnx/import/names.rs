//! Names for nodes, from whatever the exporter left of PyTorch's.
//!
//! The older exporter names nodes by module (`/layer1/layer1.0/conv1/Conv`) and may rename parameters (`onnx::Conv_193`); the
//! newer one keeps parameters (`layer1.0.conv1.weight`) and notes each node's modules in its metadata. Either way a convolution
//! of torchvision's ResNet ends as `layer1.0.conv1`, so that tensors bear the names that they have in a state dict.

use std::collections::{HashMap, HashSet};

use crate::onnx::proto::NodeProto;

/// Metadata of the newer exporter: the modules around a node, from the outside in, then its own name.
const SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// What a node with a stored parameter should be called: `parameter` is that one's name in the file.
pub(super) fn of_layer(node: &NodeProto, parameter: &str) -> String {
    of_parameter(parameter).or_else(|| of_module(node)).unwrap_or_else(|| of_node(node))
}

/// What a node is called that bears the name of its only parameter: `class_token`.
pub(super) fn of_tensor(parameter: &str) -> Option<String> {
    let kept = !parameter.is_empty() && !parameter.contains("::") && !parameter.contains('/');
    kept.then(|| cleaned(parameter))
}

/// The module of a stored parameter that kept its name: `fc` of `fc.weight`.
pub(super) fn of_parameter(parameter: &str) -> Option<String> {
    let (module, suffix) = parameter.rsplit_once('.')?;
    let kept = is_identifier(suffix) && !module.is_empty() && !parameter.contains("::") && !parameter.contains('/');
    kept.then(|| cleaned(module))
}

/// What a node without parameters should be called: after its module if that is named like the operator, or else after both.
pub(super) fn of_node(node: &NodeProto) -> String {
    let both = path(node).or_else(|| {
        let mut scopes = scopes(node)?.into_iter().rev();
        let own = scopes.next()?;
        Some((scopes.next().unwrap_or_default(), own))
    });
    if let Some((module, own)) = both {
        let last = module.rsplit('.').next().unwrap_or_default();
        let alike = !last.is_empty() && !own.is_empty() && (last.starts_with(&own) || own.starts_with(last));
        return cleaned(&if alike { module } else { format!("{module}.{own}") });
    }
    let name = if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name };
    cleaned(name.trim_start_matches("node_"))
}

/// The module that a node belongs to.
fn of_module(node: &NodeProto) -> Option<String> {
    let module = match path(node) {
        Some((module, _)) => module,
        None => scopes(node)?.into_iter().rev().nth(1)?,
    };
    (!module.is_empty()).then(|| cleaned(&module))
}

/// `/features/features.0/conv/Conv_1` as (`features.0.conv`, `conv_1`).
fn path(node: &NodeProto) -> Option<(String, String)> {
    let mut segments: Vec<&str> = node.name.strip_prefix('/')?.split('/').collect();
    let own = cleaned(&segments.pop()?.to_lowercase());
    let mut modules: Vec<&str> = Vec::new();
    for segment in segments {
        // A child of a Sequential repeats its parent's name.
        if modules.last().is_some_and(|last| segment.strip_prefix(last).is_some_and(|rest| rest.starts_with('.'))) {
            modules.pop();
        }
        modules.push(segment);
    }
    Some((cleaned(&modules.join(".")), own))
}

/// The list that the newer exporter writes as Python text: `['', 'layer1', 'layer1.0', 'relu_2']`.
fn scopes(node: &NodeProto) -> Option<Vec<String>> {
    let text = &node.metadata_props.iter().find(|entry| entry.key == SCOPES)?.value;
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.split(',').map(|item| item.trim().trim_matches('\'').to_owned()).collect())
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Letters, digits, `_` and single dots; no more than 200 of them.
fn cleaned(name: &str) -> String {
    let mut clean = String::new();
    for c in name.chars().take(200) {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '.' };
        if c != '.' || !(clean.is_empty() || clean.ends_with('.')) {
            clean.push(c);
        }
    }
    clean.truncate(clean.trim_end_matches('.').len());
    if clean.is_empty() { "node".into() } else { clean }
}

/// Names that are given once each.
#[derive(Default)]
pub(super) struct Unique {
    given: HashSet<String>,
    /// How often each was wanted.
    counts: HashMap<String, usize>,
}

impl Unique {
    /// `wanted`, or `wanted_2` and so on if that is taken.
    pub fn take(&mut self, wanted: &str) -> String {
        let count = self.counts.entry(wanted.to_owned()).or_insert(0);
        loop {
            *count += 1;
            let name = if *count == 1 { wanted.to_owned() } else { format!("{wanted}_{count}") };
            if self.given.insert(name.clone()) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::StringStringEntryProto;

    fn node(name: &str, scopes: Option<&str>) -> NodeProto {
        let entry = scopes.map(|value| StringStringEntryProto { key: SCOPES.into(), value: value.into() });
        NodeProto { name: name.into(), metadata_props: entry.into_iter().collect(), ..NodeProto::default() }
    }

    #[test]
    fn both_exporters_lead_to_torchvisions_names() {
        let older = node("/layer1/layer1.0/conv1/Conv", None);
        assert_eq!(of_layer(&older, "onnx::Conv_193"), "layer1.0.conv1");
        let nested = node("/stage2/stage2.0/branch1/branch1.0/Conv", None);
        assert_eq!(of_layer(&nested, "onnx::Conv_1319"), "stage2.0.branch1.0");
        let newer = node("node_Conv_296", Some("['', 'layer1', 'layer1.0', 'layer1.0.bn1', 'norm']"));
        assert_eq!(of_layer(&newer, "layer1.0.conv1.weight"), "layer1.0.conv1");
        assert_eq!(of_layer(&newer, "val_14"), "layer1.0.bn1");
        let relu = node("node_relu_2", Some("['', 'layer1', 'layer1.0', 'layer1.0.relu', 'relu_2']"));
        assert_eq!(of_node(&relu), "layer1.0.relu");
        assert_eq!(of_node(&node("/layer1/layer1.0/relu_1/Relu", None)), "layer1.0.relu_1");
        assert_eq!(of_node(&node("/layer1/layer1.0/Add", None)), "layer1.0.add");
        assert_eq!(of_node(&node("node_mean", None)), "mean");
    }

    #[test]
    fn any_name_becomes_a_sound_one() {
        for (name, expected) in [("", "node"), ("//", "node"), ("a b..c/", "a.b.c"), ("Ünïcode", "n.code")] {
            assert_eq!(cleaned(name), expected);
        }
        let mut unique = Unique::default();
        assert_eq!(["a", "a", "a_2", "a"].map(|name| unique.take(name)), ["a", "a_2", "a_2_2", "a_3"]);
    }
}
