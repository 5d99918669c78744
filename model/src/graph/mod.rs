//! The graph: nodes in topological order, each with one output that others refer to by the node's name.
//!
//! `graph.json` is this structure with a `format` number in front, so that a file of a newer program is refused in words
//! rather than misread. A [`Graph`] that was parsed or edited is not yet known to be sound: [`crate::verify`] decides that.

mod builder;

pub use builder::GraphBuilder;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::op::{Op, Param};

/// Name of the node that stands for the image.
pub const INPUT: &str = "input";

/// Version of `graph.json` that this program writes, and the newest that it reads. 2 has more ops, and auxiliary classifiers.
pub const FORMAT: u32 = 2;

/// Above every size of a network: products of two still fit.
const MOST: u64 = 1 << 31;

/// A network without its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Name of the network (`resnet18-cifar`).
    pub name: String,
    /// Shape of one image, `[C, H, W]`.
    pub input: [usize; 3],
    /// Number of logits.
    pub classes: usize,
    /// In topological order; the first is [`Op::Input`] under the name [`INPUT`].
    pub nodes: Vec<Node>,
    /// The node whose value is the logits, `[N, classes]`.
    pub output: String,
    /// Further classifiers that only training looks at (GoogLeNet's and Inception's). The nodes that nothing but they need
    /// are not run outside training, and not deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auxiliary: Vec<Auxiliary>,
}

/// A classifier on the side of the network, which shortens the gradient's way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auxiliary {
    /// The node whose value is its logits, `[N, classes]`.
    pub output: String,
    /// What its loss is multiplied by before it is added.
    pub loss_weight: f64,
}

/// One op applied to the outputs of earlier nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique; also the prefix of the node's tensors (`layer1.0.conv1`).
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Names of the nodes it reads, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
}

impl Node {
    /// Full names of the node's tensors with their descriptions: `("conv1.weight", …)`.
    pub fn params(&self) -> impl Iterator<Item = (String, Param)> + '_ {
        self.op.params().into_iter().map(|param| (self.param_name(param.name), param))
    }

    /// `<node>.<param>`, or the node's name alone for a parameter without a name of its own.
    pub fn param_name(&self, param: &str) -> String {
        if param.is_empty() { self.name.clone() } else { format!("{}.{param}", self.name) }
    }

    /// The only input of a node that has one.
    pub fn input(&self) -> Option<&str> {
        match self.inputs.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

/// Why `graph.json` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Not JSON, or not of this structure.
    #[error("the graph is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// A number that no size of a network is, and that arithmetic on sizes could not take.
    #[error("the graph holds the number {number}; sizes are below {MOST}")]
    Number {
        /// The number.
        number: u64,
    },
    /// Written by a newer program.
    #[error(
        "the graph has format {found}, but this program reads formats up to {FORMAT}: use a newer version of sweep"
    )]
    Newer {
        /// The number in the file.
        found: u32,
    },
}

impl Graph {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The node of that name, to change it.
    pub fn node_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.name == name)
    }

    /// The nodes that read `name`, in order.
    pub fn consumers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.inputs.iter().any(|input| input == name))
    }

    /// Whether the node's value leaves the graph, as logits or as those of an auxiliary classifier.
    pub fn is_output(&self, name: &str) -> bool {
        self.output == name || self.auxiliary.iter().any(|auxiliary| auxiliary.output == name)
    }

    /// The node that alone reads `name`; `None` if there are more readers, or if the value is an output.
    pub fn only_consumer<'a>(&'a self, name: &'a str) -> Option<&'a Node> {
        let mut readers = self.consumers(name);
        let first = readers.next()?;
        (readers.next().is_none() && !self.is_output(name)).then_some(first)
    }

    /// Names of the nodes that `outputs` need, themselves among them.
    pub fn needed_for<'a>(&'a self, outputs: impl IntoIterator<Item = &'a str>) -> HashSet<&'a str> {
        let mut needed: HashSet<&str> = outputs.into_iter().collect();
        for node in self.nodes.iter().rev() {
            if needed.contains(node.name.as_str()) {
                needed.extend(node.inputs.iter().map(String::as_str));
            }
        }
        needed
    }

    /// Names of the nodes that the logits need: what runs outside training.
    pub fn deployed_nodes(&self) -> HashSet<&str> {
        self.needed_for([self.output.as_str()])
    }

    /// Full names and descriptions of all tensors, in graph order.
    pub fn params(&self) -> impl Iterator<Item = (String, Param)> + '_ {
        self.nodes.iter().flat_map(Node::params)
    }

    /// Whether the graph holds quantizers.
    pub fn is_quantized(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.op, Op::FakeQuant(_)) || node.op.weight_quant().is_some())
    }

    /// Makes every reader of `old`, and the graph's outputs, read `new` instead.
    pub(crate) fn redirect(&mut self, old: &str, new: &str) {
        for input in self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut()) {
            if input == old {
                new.clone_into(input);
            }
        }
        let outputs = self.auxiliary.iter_mut().map(|auxiliary| &mut auxiliary.output);
        for output in outputs.chain([&mut self.output]) {
            if output == old {
                new.clone_into(output);
            }
        }
    }

    /// `graph.json`: indented, the same bytes for the same graph.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Document<'a> {
            format: u32,
            #[serde(flatten)]
            graph: &'a Graph,
        }
        let document = Document { format: FORMAT, graph: self };
        serde_json::to_string_pretty(&document).expect("a graph has only string keys") + "\n"
    }

    /// Reads [`Self::to_json`]'s output. The graph is well-formed, not yet verified.
    pub fn from_json(json: &str) -> Result<Self, FormatError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let document: serde_json::Value = serde_json::from_str(json)?;
        let Version { format: found } = Version::deserialize(&document)?;
        if found > FORMAT {
            return Err(FormatError::Newer { found });
        }
        if let Some(number) = large_number(&document) {
            return Err(FormatError::Number { number });
        }
        Ok(serde_json::from_str(json)?)
    }
}

/// An integer in the document that is no size of a network.
fn large_number(value: &serde_json::Value) -> Option<u64> {
    use serde_json::Value;
    match value {
        Value::Number(number) => number.as_u64().filter(|number| *number >= MOST),
        Value::Array(items) => items.iter().find_map(large_number),
        Value::Object(items) => items.values().find_map(large_number),
        _ => None,
    }
}
