//! Groups: the coupled channels that are alike, and so can be ranked against each other.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::dependency::{self, Dependencies, Slot};
use crate::graph::Graph;
use crate::op::{Op, Role};
use crate::shape::ShapeError;

/// One index of a node's output channels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// A convolution, linear layer, attention or normalisation: a node that owns numbers for each output channel.
    pub node: String,
    /// The channel.
    pub index: usize,
}

/// Channels of different nodes that are removed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Names the channel within its graph.
    pub id: usize,
    /// Where it is computed, in graph order.
    pub members: Vec<Member>,
}

/// Coupled channels computed by the same nodes: all filters of a plain convolution, or one residual stream. Where a Slice takes some
/// of them, those are a group of their own, so that what it takes is never emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The first node that computes the channels, with a number behind it (`conv#2`) where that is another group's name already.
    pub name: String,
    /// All convolutions, linear layers and attentions that do.
    pub producers: Vec<String>,
    /// The channels, in order of their first index.
    pub channels: Vec<Channel>,
}

/// The groups whose channels may be removed, in graph order. Those of the image and the logits are not among them.
pub fn groups(graph: &Graph) -> Result<Vec<Group>, ShapeError> {
    Ok(collect(graph, &dependency::trace(graph)?))
}

fn collect(graph: &Graph, dependencies: &Dependencies) -> Vec<Group> {
    let frozen: HashSet<Slot> = dependencies.frozen.iter().copied().collect();
    let mut coupled: BTreeMap<Slot, Coupled> = BTreeMap::new();
    for (position, node) in graph.nodes.iter().enumerate() {
        let makes = node.op.weight_name().is_some();
        let slices = matches!(node.op, Op::Slice { .. });
        let owns = node.op.params().iter().any(|param| param.role == Role::Parameter);
        if !owns && !slices {
            continue;
        }
        for (index, slot) in dependencies.channels[&node.name].iter().enumerate() {
            let coupled = coupled.entry(*slot).or_default();
            if owns {
                coupled.members.push(Member { node: node.name.clone(), index });
            }
            if makes {
                coupled.likeness.producers.push(position);
            }
            if slices {
                coupled.likeness.slices.push(position);
            }
        }
    }
    let mut groups: BTreeMap<Likeness, Vec<Channel>> = BTreeMap::new();
    for (slot, Coupled { members, mut likeness }) in coupled {
        if likeness.producers.is_empty() || frozen.contains(&slot) {
            continue;
        }
        likeness.producers.dedup();
        likeness.slices.dedup();
        groups.entry(likeness).or_default().push(Channel { id: slot, members });
    }
    let mut names: HashMap<&str, usize> = HashMap::new();
    let group = |(likeness, channels): (Likeness, Vec<Channel>)| {
        let producers: Vec<String> = likeness.producers.iter().map(|i| graph.nodes[*i].name.clone()).collect();
        let first = graph.nodes[likeness.producers[0]].name.as_str();
        let count = names.entry(first).or_insert(0);
        *count += 1;
        let name = if *count == 1 { first.to_owned() } else { format!("{first}#{count}") };
        Group { name, producers, channels }
    };
    groups.into_iter().map(group).collect()
}

/// What is known of one coupled channel.
#[derive(Default)]
struct Coupled {
    members: Vec<Member>,
    likeness: Likeness,
}

/// What the channels of a group have in common; positions of nodes in the graph.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Likeness {
    producers: Vec<usize>,
    slices: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, INPUT};
    use crate::op::Conv2d;
    use crate::zoo::{self, ZooOptions};

    fn sizes(graph: &Graph) -> Vec<(String, usize, usize)> {
        let groups = groups(graph).unwrap();
        groups.into_iter().map(|group| (group.name, group.producers.len(), group.channels.len())).collect()
    }

    #[test]
    fn a_residual_stream_is_one_group() {
        let graph = zoo::build("resnet20-cifar", &ZooOptions::default()).unwrap();
        let groups = groups(&graph).unwrap();
        // The stem and the second convolutions of the three blocks of layer 1 share their channels.
        assert_eq!(groups[0].producers, ["conv1", "layer1.0.conv2", "layer1.1.conv2", "layer1.2.conv2"]);
        assert_eq!(groups[0].channels.len(), 16);
        // Three streams, and the inside of each of nine blocks.
        assert_eq!(groups.len(), 3 + 9);
        let channel = &groups[0].channels[5];
        assert!(channel.members.iter().all(|member| member.index == 5));
        assert!(channel.members.contains(&Member { node: "bn1".into(), index: 5 }));
    }

    #[test]
    fn a_depthwise_convolution_goes_with_its_input() {
        let mut b = GraphBuilder::new("separable", [3, 8, 8], 5);
        let x = b.conv("conv", INPUT, 6, 3, 1);
        let x = b.push("depthwise", Op::Conv2d(Conv2d::new(6, 12, 3).padding(1).groups(6)), &[&x]);
        let x = b.conv("pointwise", &x, 4, 1, 1);
        let logits = b.classifier(&x);
        let graph = b.finish(&logits).unwrap();
        assert_eq!(sizes(&graph), [("conv".into(), 2, 6), ("pointwise".into(), 1, 4)]);
        // Two output channels of the depthwise convolution belong to each of its inputs.
        assert_eq!(groups(&graph).unwrap()[0].channels[2].members.len(), 3);
    }

    #[test]
    fn groups_of_a_grouped_convolution_shrink_alike() {
        let mut b = GraphBuilder::new("grouped", [3, 8, 8], 5);
        let x = b.conv("conv", INPUT, 8, 3, 1);
        let x = b.push("grouped", Op::Conv2d(Conv2d::new(8, 12, 3).padding(1).groups(2)), &[&x]);
        let logits = b.classifier(&x);
        let graph = b.finish(&logits).unwrap();
        assert_eq!(sizes(&graph), [("conv".into(), 1, 4), ("grouped".into(), 1, 6)]);
        let channel = &groups(&graph).unwrap()[0].channels[1];
        assert_eq!(channel.members.iter().map(|member| member.index).collect::<Vec<_>>(), [1, 5]);
    }

    #[test]
    fn concat_keeps_its_inputs_apart_and_the_image_stays() {
        let mut b = GraphBuilder::new("joined", [3, 8, 8], 5);
        let left = b.conv("left", INPUT, 4, 3, 1);
        let joined = b.push("join", Op::Concat, &[&left, INPUT]);
        let right = b.conv("right", &joined, 7, 3, 1);
        let logits = b.classifier(&right);
        let graph = b.finish(&logits).unwrap();
        assert_eq!(sizes(&graph), [("left".into(), 1, 4), ("right".into(), 1, 7)]);
        // Added to the image, a convolution's channels are as fixed as the image's.
        let mut b = GraphBuilder::new("fixed", [3, 8, 8], 5);
        let same = b.conv("same", INPUT, 3, 3, 1);
        let sum = b.add("add", &same, INPUT);
        let logits = b.classifier(&sum);
        assert_eq!(groups(&b.finish(&logits).unwrap()).unwrap(), []);
    }
}
