//! Another number of classes: the last layers are replaced.

use crate::graph::Graph;
use crate::init;
use crate::model::Model;
use crate::op::Op;
use crate::tensor::MissingTensor;
use crate::verify::{self, VerifyError};
use crate::zoo;

/// Why a network cannot be given another number of classes.
#[derive(Debug, thiserror::Error)]
pub enum ClassesError {
    /// No layer with weights gives the logits.
    #[error("{0:?} has no last layer that could be replaced: its logits come from {1:?}")]
    NoLayer(String, String),
    /// The last layer is neither linear nor a convolution.
    #[error("the last layer {node:?} of {network:?} is of a kind ({kind}) that cannot be replaced")]
    Kind {
        /// The network.
        network: String,
        /// The layer.
        node: String,
        /// Its op.
        kind: &'static str,
    },
    /// What reads the last layer does not take other classes.
    #[error("the network does not work with another number of classes: {0}")]
    Verify(#[from] VerifyError),
    /// The model lacks a tensor.
    #[error(transparent)]
    Missing(#[from] MissingTensor),
}

/// The network with `classes` logits. Its last layers (that of the logits, and those of auxiliary classifiers) are as many
/// classes wide, with first weights drawn from `seed`; everything else stays. Returns the names of those layers, too: none where
/// the network has that many classes already.
pub fn replace_classes(model: &Model, classes: usize, seed: u64) -> Result<(Model, Vec<String>), ClassesError> {
    if model.graph.classes == classes {
        return Ok((model.clone(), Vec::new()));
    }
    let last = zoo::classifiers(&model.graph);
    if last.is_empty() {
        return Err(ClassesError::NoLayer(model.graph.name.clone(), model.graph.output.clone()));
    }
    let mut graph = model.graph.clone();
    graph.classes = classes;
    last.iter().try_for_each(|name| widen(&mut graph, name, classes))?;
    let mut weights = init::weights(&only(&graph, &last), seed);
    for (name, _) in graph.params() {
        if weights.get(&name).is_err() {
            weights.insert(name.clone(), model.weights.get(&name)?.clone());
        }
    }
    let model = Model { graph, weights };
    verify::model(&model)?;
    Ok((model, last))
}

fn widen(graph: &mut Graph, name: &str, classes: usize) -> Result<(), ClassesError> {
    let network = graph.name.clone();
    let Some(node) = graph.node_mut(name) else { return Err(ClassesError::NoLayer(network, name.to_owned())) };
    match &mut node.op {
        Op::Linear(linear) => linear.out_features = classes,
        Op::Conv2d(conv) => conv.out_channels = classes,
        other => return Err(ClassesError::Kind { network, node: name.to_owned(), kind: other.kind() }),
    }
    Ok(())
}

/// The nodes of these names alone, for drawing their weights.
fn only(graph: &Graph, names: &[String]) -> Graph {
    let nodes = graph.nodes.iter().filter(|node| names.contains(&node.name)).cloned().collect();
    Graph { nodes, ..graph.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Weights;
    use crate::zoo::ZooOptions;

    fn tensors_that_differ(a: &Weights, b: &Weights) -> Vec<String> {
        a.iter().filter(|(name, tensor)| b.get(name).ok() != Some(*tensor)).map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn only_the_last_layer_is_new() {
        let graph = zoo::build("tiny-cnn", &ZooOptions::default()).unwrap();
        let model = init::model(graph, 1);
        let (other, replaced) = replace_classes(&model, 7, 2).unwrap();
        assert_eq!((replaced.as_slice(), other.graph.classes), (&["fc".to_owned()][..], 7));
        assert_eq!(tensors_that_differ(&model.weights, &other.weights), ["fc.bias", "fc.weight"]);
        assert_eq!(other.weights.get("fc.weight").unwrap().shape[0], 7);
        assert_eq!(replace_classes(&model, 10, 2).unwrap().1, [] as [String; 0]);
    }

    #[test]
    fn auxiliary_classifiers_and_convolutions_are_replaced_too() {
        let options = ZooOptions { input: [3, 224, 224], ..ZooOptions::default() };
        let replaced = |name: &str| {
            let model = init::model(zoo::build(name, &options).unwrap(), 1);
            replace_classes(&model, 3, 2).unwrap().1
        };
        assert_eq!(replaced("googlenet"), ["fc", "aux1.fc2", "aux2.fc2"]);
        assert_eq!(replaced("squeezenet1_1"), ["classifier.1"]);
    }
}
