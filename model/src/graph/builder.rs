//! Writing a graph down: a builder that knows each node's shape, so that a network reads like its paper's table.

use super::{Auxiliary, Graph, INPUT, Node};
use crate::op::{BatchNorm2d, Conv2d, Linear, Op, Pool2d};
use crate::shape::{self, Shape, ShapeError, ShapeProblem, Shapes};

/// Builds a [`Graph`] node by node. Methods return the new node's name, to be passed on as the next one's input.
///
/// A node that does not fit its inputs is remembered, and [`Self::finish`] returns the first such error, so that the code of
/// a network need not handle one at every line.
pub struct GraphBuilder {
    graph: Graph,
    shapes: Shapes,
    error: Option<ShapeError>,
}

impl GraphBuilder {
    /// Starts with the image, `[C, H, W]`, as node `input`.
    pub fn new(name: &str, input: [usize; 3], classes: usize) -> Self {
        let node = Node { name: INPUT.into(), op: Op::Input, inputs: Vec::new() };
        Self {
            graph: Graph {
                name: name.into(),
                input,
                classes,
                nodes: vec![node],
                output: INPUT.into(),
                auxiliary: Vec::new(),
            },
            shapes: Shapes::from([(INPUT.into(), input.to_vec())]),
            error: None,
        }
    }

    /// Shape of a node's value without the batch dimension; empty if the node is unknown or wrong.
    pub fn shape(&self, name: &str) -> Shape {
        self.shapes.get(name).cloned().unwrap_or_default()
    }

    /// Channels, or features when flat, of a node's value.
    pub fn channels(&self, name: &str) -> usize {
        shape::channels(&self.shape(name))
    }

    /// Remembers that the network cannot be built for this image, for a reason that no op knows.
    pub fn reject(&mut self, node: &str, problem: ShapeProblem) {
        self.error.get_or_insert(ShapeError::Node { node: node.into(), problem });
    }

    /// Adds any op.
    pub fn push(&mut self, name: &str, op: Op, inputs: &[&str]) -> String {
        let inputs = inputs.iter().map(ToString::to_string).collect();
        let node = Node { name: name.into(), op, inputs };
        match shape::infer_node(&node, self.graph.input, &self.shapes) {
            Ok(shape) => {
                self.shapes.insert(name.into(), shape);
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self.graph.nodes.push(node);
        name.into()
    }

    /// A square convolution without bias, padded to keep the size at stride 1.
    pub fn conv(&mut self, name: &str, input: &str, out: usize, kernel: usize, stride: usize) -> String {
        let conv = Conv2d::new(self.channels(input), out, kernel).stride(stride).padding(kernel / 2);
        self.push(name, Op::Conv2d(conv), &[input])
    }

    /// Batch normalisation with PyTorch's defaults.
    pub fn batch_norm(&mut self, name: &str, input: &str) -> String {
        let norm = BatchNorm2d::new(self.channels(input));
        self.push(name, Op::BatchNorm2d(norm), &[input])
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, name: &str, input: &str) -> String {
        self.push(name, Op::Relu, &[input])
    }

    /// Max pooling whose window steps by its own size.
    pub fn max_pool(&mut self, name: &str, input: &str, kernel: usize) -> String {
        self.push(name, Op::MaxPool2d(Pool2d::new(kernel)), &[input])
    }

    /// Adaptive average pooling to `[height, width]`, which is left out where the image has that size already.
    pub fn adaptive_avg_pool(&mut self, name: &str, input: &str, output: [usize; 2]) -> String {
        match self.shape(input).as_slice() {
            [_, size @ ..] if size == output => input.into(),
            _ if output == [1, 1] => self.push(name, Op::GlobalAvgPool, &[input]),
            _ => self.push(name, Op::AdaptiveAvgPool2d { output }, &[input]),
        }
    }

    /// Makes a node's value the logits of an auxiliary classifier.
    pub fn auxiliary(&mut self, output: &str, loss_weight: f64) {
        self.graph.auxiliary.push(Auxiliary { output: output.into(), loss_weight });
    }

    /// Sum of two values.
    pub fn add(&mut self, name: &str, left: &str, right: &str) -> String {
        self.push(name, Op::Add, &[left, right])
    }

    /// Values behind each other, by channel.
    pub fn concat(&mut self, name: &str, inputs: &[&str]) -> String {
        self.push(name, Op::Concat, inputs)
    }

    /// Dropout of single elements.
    pub fn dropout(&mut self, name: &str, input: &str, p: f64) -> String {
        self.push(name, Op::Dropout { p }, &[input])
    }

    /// The mean of each channel.
    pub fn global_avg_pool(&mut self, name: &str, input: &str) -> String {
        self.push(name, Op::GlobalAvgPool, &[input])
    }

    /// Planes as one vector.
    pub fn flatten(&mut self, name: &str, input: &str) -> String {
        self.push(name, Op::Flatten, &[input])
    }

    /// A linear layer with bias, on a vector or on each token.
    pub fn linear(&mut self, name: &str, input: &str, out: usize) -> String {
        let linear = Linear::new(self.channels(input), out);
        self.push(name, Op::Linear(linear), &[input])
    }

    /// The usual end of a classifier: `avgpool`, `flatten` and the linear layer `fc`.
    pub fn classifier(&mut self, input: &str) -> String {
        let pooled = self.global_avg_pool("avgpool", input);
        let flat = self.flatten("flatten", &pooled);
        let classes = self.graph.classes;
        self.linear("fc", &flat, classes)
    }

    /// The graph, whose logits are the node `output`.
    pub fn finish(mut self, output: &str) -> Result<Graph, ShapeError> {
        output.clone_into(&mut self.graph.output);
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.graph),
        }
    }
}
