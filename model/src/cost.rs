//! What a network costs: parameters, multiply-accumulates, activations.
//!
//! One MAC is one multiplication with its addition. Convolutions, linear layers and attention (its projection and its two
//! products: queries with keys, weights with values) are counted, as is the field's custom, while normalisation,
//! activations, gates, pooling, biases and Adds are not. Where a study counts FLOPs, they are 2 × MACs.
//!
//! Auxiliary classifiers are parameters of the network (torchvision counts them, too), but as they are not deployed, one
//! image costs nothing there.

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
    /// Those of the auxiliary classifiers, which are trained and not deployed.
    pub parameters_auxiliary: u64,
    /// Multiply-accumulates of one forward pass of the deployed network.
    pub macs: u64,
    /// Elements of all its values together.
    pub activations: u64,
    /// The same by node, in graph order, auxiliary classifiers among them.
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
    /// Whether it serves an auxiliary classifier alone, so that it is not deployed.
    pub auxiliary: bool,
}

impl Cost {
    /// Floating-point operations of one forward pass, where a multiplication and an addition count as one each.
    pub fn flops(&self) -> u64 {
        self.macs.saturating_mul(2)
    }

    /// Parameters of the network as it is deployed: without auxiliary classifiers.
    pub fn parameters_deployed(&self) -> u64 {
        self.parameters - self.parameters_auxiliary
    }
}

impl NodeCost {
    /// Floating-point operations, where a multiplication and an addition count as one each.
    pub fn flops(&self) -> u64 {
        2 * self.macs
    }
}

/// Counts a graph that needs no weights yet.
pub fn count(graph: &Graph) -> Result<Cost, ShapeError> {
    let shapes = shape::infer(graph)?;
    let deployed = graph.deployed_nodes();
    let cost = |node: &Node| node_cost(node, &shapes, !deployed.contains(node.name.as_str()));
    let nodes: Vec<NodeCost> = graph.nodes.iter().map(cost).collect();
    let sum = |auxiliary: bool, of: fn(&NodeCost) -> u64| -> u64 {
        nodes.iter().filter(|node| node.auxiliary == auxiliary).map(of).fold(0, u64::saturating_add)
    };
    let parameters_auxiliary = sum(true, |node| node.parameters);
    let parameters = sum(false, |node| node.parameters) + parameters_auxiliary;
    Ok(Cost {
        parameters,
        parameters_trainable: parameters,
        parameters_auxiliary,
        macs: sum(false, |node| node.macs),
        activations: sum(false, |node| node.activations),
        nodes,
    })
}

/// Elements of the parameters that are not zero. Buffers and quantizers do not count.
pub fn nonzero_parameters(model: &Model) -> u64 {
    let parameters = model.graph.params().filter(|(_, param)| param.role == Role::Parameter);
    parameters.filter_map(|(name, _)| model.weights.get(&name).ok()).map(|tensor| tensor.nonzero() as u64).sum()
}

fn node_cost(node: &Node, shapes: &Shapes, auxiliary: bool) -> NodeCost {
    let shape = shapes[&node.name].clone();
    let params = node.op.params();
    NodeCost {
        name: node.name.clone(),
        kind: node.op.kind(),
        parameters: params.iter().filter(|param| param.role == Role::Parameter).map(|p| p.elements() as u64).sum(),
        macs: macs(&node.op, &shape),
        activations: shape.iter().product::<usize>() as u64,
        auxiliary,
        shape,
    }
}

fn macs(op: &Op, output: &Shape) -> u64 {
    let outputs = output.iter().product::<usize>() as u64;
    match op {
        Op::Conv2d(conv) => outputs.saturating_mul(conv.weight_shape()[1..].iter().product::<usize>() as u64),
        Op::Linear(linear) => outputs.saturating_mul(linear.in_features as u64),
        // Queries, keys and values; then each token's products with every key, and with every value.
        Op::Attention(attention) => {
            let tokens = output.first().copied().unwrap_or(0) as u64;
            outputs.saturating_mul(3 * attention.in_features as u64 + 2 * tokens)
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
    use crate::graph::{Auxiliary, GraphBuilder, INPUT};
    use crate::op::{Attention, Conv2d};
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
    fn attention_is_its_projection_and_two_products() {
        let mut b = GraphBuilder::new("vit", [2, 3, 3], 2);
        let x = b.push("tokens", Op::Tokens, &[INPUT]);
        let x =
            b.push("attention", Op::Attention(Attention { in_features: 2, heads: 2, head_dim: 3, scale: 1.0 }), &[&x]);
        let x = b.linear("project", &x, 4);
        let x = b.push("take", Op::TakeToken { index: 0 }, &[&x]);
        let x = b.linear("head", &x, 2);
        let cost = count(&b.finish(&x).unwrap()).unwrap();
        let of = |name: &str| cost.nodes.iter().find(|node| node.name == name).unwrap();
        // Nine tokens of 2 features become queries, keys and values of 2 heads · 3; each token meets nine keys and nine values.
        assert_eq!(of("attention").macs, 9 * 2 * (3 * 6) + 2 * (9 * 9 * 6));
        assert_eq!(of("attention").parameters, 3 * 6 * 2 + 3 * 6);
        assert_eq!(of("project").macs, 9 * 6 * 4);
        assert_eq!(of("head").macs, 4 * 2);
        assert_eq!(cost.macs, of("attention").macs + of("project").macs + of("head").macs);
        assert_eq!(cost.flops(), 2 * cost.macs);
    }

    #[test]
    fn groups_divide_the_macs_and_gates_cost_none() {
        let mut b = GraphBuilder::new("gate", [4, 6, 6], 8);
        let x =
            b.push("depthwise", Op::Conv2d(Conv2d::new(4, 8, 3).groups(4).stride(2).padding(1).with_bias()), &[INPUT]);
        let gate = b.push("squeeze", Op::GlobalAvgPool, &[&x]);
        let gate = b.push("sigmoid", Op::Sigmoid, &[&gate]);
        let x = b.push("mul", Op::Mul, &[&x, &gate]);
        let x = b.push("pool", Op::GlobalAvgPool, &[&x]);
        let x = b.push("flatten", Op::Flatten, &[&x]);
        let cost = count(&b.finish(&x).unwrap()).unwrap();
        assert_eq!(cost.macs, 8 * 3 * 3 * (3 * 3));
        assert_eq!(cost.parameters, 8 * 9 + 8);
        assert_eq!(cost.activations, 4 * 36 + 8 * 9 + 8 + 8 + 8 * 9 + 8 + 8);
    }

    #[test]
    fn auxiliary_classifiers_are_parameters_but_cost_an_image_nothing() {
        let mut b = GraphBuilder::new("aux", [1, 2, 2], 2);
        let x = b.conv("conv", INPUT, 2, 1, 1);
        let flat = b.push("flatten", Op::Flatten, &[&x]);
        let side = b.linear("side", &flat, 5);
        b.linear("aux", &side, 2);
        let logits = b.linear("fc", &flat, 2);
        let mut graph = b.finish(&logits).unwrap();
        graph.auxiliary.push(Auxiliary { output: "aux".into(), loss_weight: 0.4 });
        let cost = count(&graph).unwrap();
        let auxiliary = (8 * 5 + 5) + (5 * 2 + 2);
        assert_eq!((cost.parameters_auxiliary, cost.parameters_deployed()), (auxiliary, 2 + (8 * 2 + 2)));
        assert_eq!(cost.parameters, cost.parameters_deployed() + auxiliary);
        assert_eq!(cost.macs, 2 * 4 + 8 * 2);
        assert_eq!(cost.activations, 4 + 8 + 8 + 2);
        let side: Vec<&str> = cost.nodes.iter().filter(|node| node.auxiliary).map(|node| node.name.as_str()).collect();
        assert_eq!(side, ["side", "aux"]);
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
