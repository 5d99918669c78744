//! Back from a quantized graph to the float one.

use std::collections::HashMap;

use sweep_model::{Graph, Model, Node, Op};

/// The same network without quantizers, on the same weights: the fp32 reference that a quantized point is measured beside.
pub fn without_quantizers(model: &Model) -> Model {
    let graph = strip(&model.graph);
    let weights = graph.params().filter_map(|(name, _)| Some((name.clone(), model.weights.get(&name).ok()?.clone())));
    Model { weights: weights.collect(), graph }
}

fn strip(graph: &Graph) -> Graph {
    // Nodes come in topological order, so a quantizer's source is final before its readers are reached.
    let mut source_of: HashMap<&str, String> = HashMap::new();
    let resolve =
        |source_of: &HashMap<&str, String>, name: &String| source_of.get(name.as_str()).unwrap_or(name).clone();
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let inputs: Vec<String> = node.inputs.iter().map(|input| resolve(&source_of, input)).collect();
        match (&node.op, inputs.first()) {
            (Op::FakeQuant(_), Some(source)) => {
                source_of.insert(&node.name, source.clone());
            }
            _ => {
                let mut op = node.op.clone();
                op.set_weight_quant(None);
                nodes.push(Node { name: node.name.clone(), op, inputs });
            }
        }
    }
    Graph { nodes, output: resolve(&source_of, &graph.output), ..graph.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_model::passes::quantize::{Profile, insert};
    use sweep_model::{init, zoo};

    #[test]
    fn stripping_undoes_inserting() {
        let model = init::model(zoo::build("tiny-cnn", &zoo::ZooOptions::default()).unwrap(), 1);
        let quantized = insert(&model, Profile::OrtVnni).unwrap();
        assert!(quantized.graph.is_quantized());
        assert_eq!(without_quantizers(&quantized), model);
    }
}
