//! What a network costs: parameters, multiply-accumulates, activations.
//!
//! One MAC is one multiplication with its addition; convolutions, linear layers and attention are counted, as is the field's custom,
//! while normalisation, activations, pooling, biases and Adds are not. Where a study counts FLOPs, they are 2 × MACs.

use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::op::{Op, Role};
use crate::shape::{self, Shape, ShapeError, Shapes};

/// The costs of a network for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Elements of all weights, biases, γ and β: PyTorch's `sum(p.numel() for p in parameters())`.
    pub parameters: u64,
    /// Those that training changes. Equal to `parameters`, as no op freezes its own.
    pub parameters_trainable: u64,
    /// Multiply-accumulates of one forward pass.
    pub macs: u64,
    /// Elements of all values together.
    pub activations: u64,
    /// The same by node, in graph order.
    pub nodes: Vec<NodeCost>,
}

/// The costs of one node for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCost {
    /// Its name.
    pub name: String,
    /// Its op's short name.
    pub kind: &'static str,
    /// Shape of its value, without the batch.
    pub shape: Shape,
    /// Elements of its parameters.
    pub parameters: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Elements of its value.
    pub activations: u64,
}

/// Counts a graph that needs no weights yet.
pub fn count(graph: &Graph) -> Result<Cost, ShapeError> {
    let shapes = shape::infer(graph)?;
    let nodes: Vec<NodeCost> = graph.nodes.iter().map(|node| node_cost(node, &shapes)).collect();
    let parameters = nodes.iter().map(|node| node.parameters).sum();
    Ok(Cost {
        parameters,
        parameters_trainable: parameters,
        macs: nodes.iter().map(|node| node.macs).sum(),
        activations: nodes.iter().map(|node| node.activations).sum(),
        nodes,
    })
}

/// Elements of the parameters that are not zero. Buffers and quantizers do not count.
pub fn nonzero_parameters(model: &Model) -> u64 {
    let parameters = model.graph.params().filter(|(_, param)| param.role == Role::Parameter);
    parameters.filter_map(|(name, _)| model.weights.get(&name).ok()).map(|tensor| tensor.nonzero() as u64).sum()
}

fn node_cost(node: &Node, shapes: &Shapes) -> NodeCost {
    let shape = shapes[&node.name].clone();
    let elements = shape.iter().product::<usize>() as u64;
    let learned = |param: &crate::op::Param| param.role == Role::Parameter;
    NodeCost {
        name: node.name.clone(),
        kind: node.op.kind(),
        parameters: node.op.params().iter().filter(|param| learned(param)).map(|param| param.elements() as u64).sum(),
        macs: macs(&node.op, &shape),
        activations: elements,
        shape,
    }
}

fn macs(op: &Op, output: &Shape) -> u64 {
    let outputs = output.iter().product::<usize>() as u64;
    match op {
        Op::Conv2d(conv) => outputs * conv.weight_shape()[1..].iter().product::<usize>() as u64,
        Op::Linear(linear) => outputs * linear.in_features as u64,
        // Queries, keys and values; then each token's products with every key, and with every value.
        Op::Attention(attention) => {
            let tokens = output.first().copied().unwrap_or(0) as u64;
            outputs * (3 * attention.in_features as u64 + 2 * tokens)
        }
        Op::Input
        | Op::BatchNorm2d(_)
        | Op::ChannelAffine { .. }
        | Op::InputAffine { .. }
        | Op::LayerNorm(_)
        | Op::Relu
        | Op::Relu6
        | Op::Sigmoid
        | Op::Hardsigmoid
        | Op::Hardswish
        | Op::Silu
        | Op::Gelu
        | Op::MaxPool2d(_)
        | Op::AvgPool2d(_)
        | Op::GlobalAvgPool
        | Op::AdaptiveAvgPool2d { .. }
        | Op::Flatten
        | Op::Dropout { .. }
        | Op::StochasticDepth { .. }
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::Slice { .. }
        | Op::ChannelShuffle { .. }
        | Op::Tokens
        | Op::ClassToken { .. }
        | Op::PositionEmbedding { .. }
        | Op::TakeToken { .. }
        | Op::FakeQuant(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, ZooOptions};

    fn cost(name: &str) -> Cost {
        count(&zoo::build(name, &ZooOptions::default()).unwrap()).unwrap()
    }

    #[test]
    fn resnet18_has_the_published_parameters_and_macs() {
        let cost = cost("resnet18-cifar");
        assert_eq!(cost.parameters, 11_173_962); // kuangliu/pytorch-cifar's ResNet18
        assert_eq!(cost.macs, 555_422_720); // "0.56 G" for the same network
    }

    #[test]
    fn resnet20_has_the_published_size() {
        let cost = cost("resnet20-cifar");
        assert_eq!(cost.parameters, 272_474); // option B; 0.27 M in the paper's table 6
        assert!((40_500_000..41_500_000).contains(&cost.macs), "{}", cost.macs);
    }

    #[test]
    fn the_small_networks_keep_their_promises() {
        let small = cost("small-cnn");
        assert!(small.parameters >= 250_000 && small.macs <= 12_000_000, "{} {}", small.parameters, small.macs);
        let student = cost("kd-conv4");
        assert!(student.parameters <= 60_000 && student.parameters * 4 <= small.parameters);
        assert!((340_000..370_000).contains(&cost("kd-conv5").parameters));
        assert!((5_000..20_000).contains(&cost("tiny-cnn").parameters));
        assert_eq!(cost("linear").parameters, 3072 * 10 + 10);
    }

    #[test]
    fn a_convolution_is_counted_by_hand() {
        let cost = cost("small-cnn");
        let conv2 = cost.nodes.iter().find(|node| node.name == "conv2").unwrap();
        assert_eq!(conv2.shape, [32, 16, 16]);
        assert_eq!(conv2.parameters, 32 * 16 * 9);
        assert_eq!(conv2.macs, 32 * 16 * 9 * 16 * 16);
    }

    #[test]
    fn zeroed_weights_are_not_counted_as_nonzero() {
        let graph = zoo::build("linear", &ZooOptions::default()).unwrap();
        let mut model = crate::init::model(graph, 0);
        let before = nonzero_parameters(&model);
        let weight = model.weights.get_mut("fc.weight").unwrap();
        let cleared = weight.data[..100].iter().filter(|x| **x != 0.0).count() as u64;
        weight.data[..100].fill(0.0);
        assert_eq!(nonzero_parameters(&model), before - cleared);
    }
}
