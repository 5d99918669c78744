//! The network while it is being read: nodes by index, with ops that only some readers will understand.
//!
//! Exporters spell one op of PyTorch with several operators (`x · clip(x + 3, 0, 6) / 6`). Each operator becomes a node at once,
//! if need be with an op that no network keeps ([`Step::Affine`], [`Step::Erf`], [`Step::Softmax`]); an operator
//! that completes a known pattern reads past them, and what nobody reads in the end is left out (`finish`).

use std::collections::HashMap;
use std::rc::Rc;

use super::MAX_ELEMENTS;
use super::call::Traced;
use super::error::Problem;
use super::view::View;
use crate::graph::Node;
use crate::op::{Conv2d, Op};
use crate::shape::{self, Shape, ShapeError, Shapes};
use crate::tensor::Tensor;

/// What a node of the draft computes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// An op that networks have.
    Op(Op),
    /// `scale · x + shift`, with one number each or one for each channel (last axis of vectors and tokens).
    Affine { scale: Vec<f64>, shift: Vec<f64> },
    /// The error function, of which GELU is made.
    Erf,
    /// Behind the logits, where it is left out.
    Softmax,
}

/// A node of the draft.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// What it would like to be called.
    pub name: String,
    pub step: Step,
    pub inputs: Vec<usize>,
    /// Without the batch.
    pub shape: Shape,
    /// In the order of [`Op::params`].
    pub tensors: Vec<Rc<Tensor>>,
}

/// How often each stored element may be used, on average: by shared layers, and by what is computed from it.
const COPIES: usize = 32;
/// Elements that a file without any may make.
const SPARE: usize = 1 << 22;

const GATE: &str = "a vector is used as planes [N, C, 1, 1], which is supported for the gates of squeeze-and-excitation: \
                    pooling, flattening, linear layers and activations";

fn is_layer_of_gate(op: &Op) -> bool {
    matches!(op, Op::Linear(_) | Op::Relu | Op::Relu6 | Op::Sigmoid | Op::Hardsigmoid | Op::Hardswish | Op::Silu)
}

/// All nodes so far; the first is the image.
pub(super) struct Drafts {
    pub nodes: Vec<Draft>,
    pub image: [usize; 3],
    /// Size of the batch, or a number that stands for it.
    pub batch: usize,
    /// By input, the nodes that [`Self::shared`] made.
    views: HashMap<usize, Vec<usize>>,
    /// Elements that may still be made of the stored ones.
    budget: usize,
}

impl Drafts {
    /// `stored` is how many elements the file's tensors have: what is made of them stays in proportion.
    pub fn new(image: [usize; 3], batch: usize, stored: usize) -> Self {
        let input = Draft {
            name: crate::graph::INPUT.into(),
            step: Step::Op(Op::Input),
            inputs: Vec::new(),
            shape: image.to_vec(),
            tensors: Vec::new(),
        };
        Self { nodes: vec![input], image, batch, views: HashMap::new(), budget: SPARE + COPIES * stored }
    }

    /// Books the elements of a new tensor or constant. A small file whose nodes all read one large tensor would otherwise become
    /// a huge network.
    pub fn spend(&mut self, elements: usize) -> Result<(), Problem> {
        self.budget = self.budget.checked_sub(elements).ok_or(Problem::Shared)?;
        Ok(())
    }

    /// What a node computes, as it is.
    pub fn value(&self, node: usize) -> Traced {
        let view = View::identity(self.batch, &self.nodes[node].shape);
        Traced { node, view, factor: 1.0, padding: [0, 0] }
    }

    /// Adds a node; the shape follows from its step.
    pub fn add(&mut self, name: &str, step: Step, inputs: &[usize], tensors: Vec<Tensor>) -> Result<usize, Problem> {
        let shape = match &step {
            Step::Op(op) => self.infer(op, inputs)?,
            _ => self.nodes[inputs[0]].shape.clone(),
        };
        let elements = shape.iter().try_fold(1usize, |total, size| total.checked_mul(*size));
        if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
            return Err(Problem::TooLarge(MAX_ELEMENTS));
        }
        self.spend(tensors.iter().map(Tensor::elements).sum())?;
        let tensors = tensors.into_iter().map(Rc::new).collect();
        self.nodes.push(Draft { name: name.into(), step, inputs: inputs.to_vec(), shape, tensors });
        Ok(self.nodes.len() - 1)
    }

    /// Adds a node without tensors, or finds the one that computes the same: several operators may read one view.
    pub fn shared(&mut self, name: &str, op: Op, input: usize) -> Result<usize, Problem> {
        let step = Step::Op(op);
        let made = self.views.get(&input).and_then(|made| made.iter().find(|node| self.nodes[**node].step == step));
        if let Some(node) = made {
            return Ok(*node);
        }
        let node = self.add(name, step, &[input], Vec::new())?;
        self.views.entry(input).or_default().push(node);
        Ok(node)
    }

    fn infer(&self, op: &Op, inputs: &[usize]) -> Result<Shape, Problem> {
        let shapes: Shapes = inputs.iter().map(|input| (input.to_string(), self.nodes[*input].shape.clone())).collect();
        let inputs = inputs.iter().map(ToString::to_string).collect();
        let node = Node { name: String::new(), op: op.clone(), inputs };
        shape::infer_node(&node, self.image, &shapes).map_err(|error| match error {
            ShapeError::Node { problem, .. } => Problem::Unfit(problem),
            ShapeError::UnknownInput { input, .. } => Problem::UnknownValue(input),
        })
    }

    /// The node whose value is `value` in an ordinary layout, made if there is an op for it.
    pub fn plain(&mut self, value: &Traced, name: &str) -> Result<usize, Problem> {
        if value.padding != [0, 0] {
            return Err(Problem::Pattern(
                "Pad is supported before convolutions and average pooling: give the layer the padding",
            ));
        }
        let node = self.laid_out(value, name)?;
        if value.factor == 1.0 {
            return Ok(node);
        }
        let step = Step::Affine { scale: vec![value.factor], shift: vec![0.0] };
        self.add(name, step, &[node], Vec::new())
    }

    fn laid_out(&mut self, value: &Traced, name: &str) -> Result<usize, Problem> {
        let shape = self.nodes[value.node].shape.clone();
        let own = View::identity(self.batch, &shape).axes;
        let axes = &value.view.axes;
        let unknown = || Problem::Layout { layout: value.view.describe() };
        let joined = |from: usize| own[from..].concat();
        let op = match (value.view.selected.as_slice(), shape.len()) {
            ([token], 2) if *axes == [own[0].clone(), own[2].clone()] && own[1] == [token.atom] => {
                Op::TakeToken { index: token.index }
            }
            ([_, ..], _) => return Err(unknown()),
            _ if *axes == own => return Ok(value.node),
            (_, 1) if axes.len() == 4 && axes[..2] == own && axes[2..].iter().all(Vec::is_empty) => {
                return self.planes(value.node);
            }
            _ if axes.len() == 2 && axes[0] == own[0] && axes[1] == joined(1) => Op::Flatten,
            (_, 3) if axes.len() == 3 && axes[0] == own[0] && axes[1] == joined(2) && axes[2] == own[1] => Op::Tokens,
            (_, 3) if axes.len() == 4 && axes[0] == own[0] && axes[2..] == own[2..] => match axes[1].as_slice() {
                [inner, outer]
                    if inner.axis == 1 && inner.stride == 1 && outer.axis == 1 && outer.stride == inner.size =>
                {
                    Op::ChannelShuffle { groups: outer.size }
                }
                _ => return Err(unknown()),
            },
            _ => return Err(unknown()),
        };
        let name = match &op {
            Op::Flatten => "flatten".to_owned(),
            op => format!("{name}.{}", op.kind()),
        };
        self.shared(&name, op, value.node)
    }

    /// A vector `[C]` that is used as planes `[C, 1, 1]`: the gate of a squeeze-and-excitation block with linear layers. The
    /// layers from the pooled image to the vector are added again as 1×1 convolutions.
    fn planes(&mut self, vector: usize) -> Result<usize, Problem> {
        let mut layers = Vec::new();
        let mut node = vector;
        let pooled = loop {
            let draft = &self.nodes[node];
            match (&draft.step, draft.inputs.as_slice()) {
                (Step::Op(Op::Flatten), [input]) if self.nodes[*input].shape[1..] == [1, 1] => break *input,
                (Step::Op(op), [input]) if is_layer_of_gate(op) && layers.len() < 16 => {
                    layers.push(node);
                    node = *input;
                }
                _ => return Err(Problem::Pattern(GATE)),
            }
        };
        layers.into_iter().rev().try_fold(pooled, |input, layer| {
            let Draft { name, step, mut tensors, .. } = self.nodes[layer].clone();
            let step = match step {
                Step::Op(Op::Linear(linear)) => {
                    let conv = Conv2d { bias: linear.bias, ..Conv2d::new(linear.in_features, linear.out_features, 1) };
                    tensors[0] = Rc::new(Tensor::new(conv.weight_shape(), tensors[0].data.clone()));
                    Step::Op(Op::Conv2d(conv))
                }
                other => other,
            };
            let added = self.add(&name, step, &[input], Vec::new())?;
            self.nodes[added].tensors = tensors;
            Ok(added)
        })
    }

    /// The node whose value is `value`, with the shape `[C, H, W]` (3 axes), `[L, E]` (2) or `[F]` (1), as `axes` says.
    pub fn ranked(
        &mut self,
        value: &Traced,
        name: &str,
        axes: usize,
        expected: &'static str,
    ) -> Result<usize, Problem> {
        let node = self.plain(value, name)?;
        if self.nodes[node].shape.len() == axes {
            Ok(node)
        } else {
            Err(Problem::Shape { found: value.view.known_sizes(), expected })
        }
    }

    /// The indices of the nodes that `output` needs.
    pub fn needed(&self, output: usize) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        needed[output] = true;
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                self.nodes[index].inputs.iter().for_each(|input| needed[*input] = true);
            }
        }
        needed
    }

    /// How many needed nodes read each.
    pub fn readers(&self, needed: &[bool]) -> HashMap<usize, usize> {
        let mut readers = HashMap::new();
        for (node, _) in self.nodes.iter().zip(needed).filter(|(_, needed)| **needed) {
            for input in &node.inputs {
                *readers.entry(*input).or_insert(0) += 1;
            }
        }
        readers
    }
}
