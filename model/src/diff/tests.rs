use super::*;
use crate::graph::{GraphBuilder, INPUT};
use crate::op::{Conv2d, Op};

/// `width` channels; with a batch norm or without.
fn network(width: usize, norm: bool) -> Graph {
    let mut b = GraphBuilder::new("hand", [3, 8, 8], 4);
    let mut x = b.conv("conv1", INPUT, width, 3, 1);
    if norm {
        x = b.batch_norm("bn1", &x);
    }
    let x = b.relu("relu1", &x);
    let x = b.conv("conv2", &x, 16, 3, 1);
    let x = b.classifier(&x);
    b.finish(&x).unwrap()
}

#[test]
fn a_network_does_not_differ_from_itself() {
    let graph = network(8, true);
    let diff = diff(&graph, &graph).unwrap();
    assert!(diff.is_empty());
    assert_eq!(diff.alike, graph.nodes.len());
    assert_eq!(diff.before, diff.after);
}

#[test]
fn a_narrower_layer_changes_itself_and_its_readers() {
    let diff = diff(&network(8, true), &network(5, true)).unwrap();
    assert!(diff.added.is_empty() && diff.removed.is_empty());
    let changed: Vec<(&str, String)> =
        diff.changed.iter().map(|c| (c.after.name.as_str(), c.attributes.join(", "))).collect();
    let expected = [("conv1", "out 8 → 5"), ("bn1", "features 8 → 5"), ("relu1", ""), ("conv2", "in 8 → 5")];
    assert_eq!(changed, expected.map(|(name, text)| (name, text.to_owned())));
    let conv2 = &diff.changed[3];
    assert_eq!((conv2.before.parameters, conv2.after.parameters), (8 * 16 * 9, 5 * 16 * 9));
    assert_eq!((conv2.before.macs, conv2.after.macs), (8 * 16 * 9 * 64, 5 * 16 * 9 * 64));
    assert!(diff.changed.iter().all(|change| !change.rewired));
    assert_eq!(diff.alike, 4);
}

#[test]
fn nodes_that_came_and_went_are_told_with_who_reads_something_else_now() {
    let (with, without) = (network(8, true), network(8, false));
    let folded = diff(&with, &without).unwrap();
    assert_eq!(folded.removed.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["bn1"]);
    assert_eq!(
        folded.changed.iter().map(|c| (c.after.name.as_str(), c.rewired)).collect::<Vec<_>>(),
        [("relu1", true)]
    );
    let back = diff(&without, &with).unwrap();
    assert_eq!((back.added, back.removed.len()), (folded.removed, 0));
}

#[test]
fn flags_and_kinds_are_told_apart() {
    let (before, mut after) = (network(8, true), network(8, true));
    after.node_mut("relu1").unwrap().op = Op::Relu6;
    after.node_mut("conv2").unwrap().op = Op::Conv2d(Conv2d::new(8, 16, 3).padding(1).with_bias());
    let diff = diff(&before, &after).unwrap();
    let texts: Vec<String> = diff.changed.iter().map(|change| change.attributes.join(", ")).collect();
    assert_eq!(texts, ["relu → relu6", "bias – → yes"]);
}
