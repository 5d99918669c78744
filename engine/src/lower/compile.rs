//! Graph to program.

use std::collections::{HashMap, HashSet};

use sweep_model::{Graph, Node, Op};

use super::program::{BatchNorm, Kernel, Program, Step, TensorIndex, WeightQuant};
use super::{Error, Result};

/// Resolves every name. `tensors` maps `<node>.<param>` to its index in the net.
pub fn compile(graph: &Graph, tensors: &HashMap<String, TensorIndex>) -> Result<Program> {
    let values: HashMap<&str, usize> = graph.nodes.iter().enumerate().map(|(i, n)| (n.name.as_str(), i)).collect();
    let compiler = Compiler { graph, tensors, values, deployed: graph.deployed_nodes() };
    let mut steps = Vec::with_capacity(graph.nodes.len());
    for (index, node) in graph.nodes.iter().enumerate() {
        steps.push(compiler.step(index, node)?);
    }
    let value = |name: &str| compiler.value(name, "the graph's output", graph.nodes.len());
    let output = value(&graph.output)?;
    let auxiliary = graph.auxiliary.iter().map(|side| value(&side.output)).collect::<Result<Vec<_>>>()?;
    mark_last_uses(&mut steps, |value| value == output || auxiliary.contains(&value));
    Ok(Program { steps, output, auxiliary })
}

struct Compiler<'a> {
    graph: &'a Graph,
    tensors: &'a HashMap<String, TensorIndex>,
    values: HashMap<&'a str, usize>,
    deployed: HashSet<&'a str>,
}

impl Compiler<'_> {
    fn step(&self, index: usize, node: &Node) -> Result<Step> {
        let inputs = node.inputs.iter().map(|name| self.value(name, &node.name, index)).collect::<Result<Vec<_>>>()?;
        let (least, most) = node.op.arity();
        if inputs.len() < least || inputs.len() > most {
            return Err(Error::node(&node.name, format!("{} cannot have {} inputs", node.op.kind(), inputs.len())));
        }
        let in_place = matches!(node.op, Op::Relu | Op::Relu6) && self.may_overwrite(&node.inputs[0]);
        let train_only = !self.deployed.contains(node.name.as_str());
        let kernel = self.kernel(node)?;
        Ok(Step { name: node.name.clone(), kernel, inputs, last_uses: Vec::new(), train_only, in_place })
    }

    fn kernel(&self, node: &Node) -> Result<Kernel> {
        let tensor = |param: &str| self.tensor(node, param);
        Ok(match &node.op {
            Op::Input => Kernel::Input,
            Op::Conv2d(conv) => Kernel::Conv {
                attrs: conv.into(),
                weight: tensor("weight")?,
                bias: conv.bias.then(|| tensor("bias")).transpose()?,
                quant: self.weight_quant(node)?,
            },
            Op::Linear(linear) => Kernel::Linear {
                weight: tensor("weight")?,
                bias: linear.bias.then(|| tensor("bias")).transpose()?,
                quant: self.weight_quant(node)?,
            },
            Op::BatchNorm2d(_) => Kernel::BatchNorm(self.batch_norm(node)?),
            Op::ChannelAffine { .. } => Kernel::ChannelAffine { weight: tensor("weight")?, bias: tensor("bias")? },
            Op::InputAffine { scale, shift } => Kernel::InputAffine { scale: scale.clone(), shift: shift.clone() },
            Op::LayerNorm(norm) => Kernel::LayerNorm {
                features: norm.features as i64,
                weight: tensor("weight")?,
                bias: tensor("bias")?,
                eps: norm.eps,
            },
            Op::Relu => Kernel::Relu,
            Op::Relu6 => Kernel::Relu6,
            Op::Sigmoid => Kernel::Sigmoid,
            Op::Hardsigmoid => Kernel::Hardsigmoid,
            Op::Hardswish => Kernel::Hardswish,
            Op::Silu => Kernel::Silu,
            Op::Gelu => Kernel::Gelu,
            Op::MaxPool2d(pool) => Kernel::MaxPool(pool.clone()),
            Op::AvgPool2d(pool) => Kernel::AvgPool(pool.clone()),
            Op::GlobalAvgPool => Kernel::AdaptiveAvgPool([1, 1]),
            Op::AdaptiveAvgPool2d { output } => Kernel::AdaptiveAvgPool(output.map(|side| side as i64)),
            Op::Flatten => Kernel::Flatten,
            Op::Dropout { p } => Kernel::Dropout { p: *p },
            Op::StochasticDepth { p } => Kernel::StochasticDepth { p: *p },
            Op::Add => Kernel::Add,
            Op::Mul => Kernel::Mul,
            Op::Concat => Kernel::Concat,
            Op::Slice { start, end } => {
                Kernel::Slice { start: *start as i64, length: end.saturating_sub(*start) as i64 }
            }
            Op::ChannelShuffle { groups } => Kernel::ChannelShuffle { groups: *groups as i64 },
            Op::Tokens => Kernel::Tokens,
            Op::ClassToken { .. } => Kernel::ClassToken(tensor("")?),
            Op::PositionEmbedding { .. } => Kernel::PositionEmbedding(tensor("")?),
            Op::Attention(attrs) => Kernel::Attention {
                attrs: attrs.clone(),
                weight: tensor("in_proj_weight")?,
                bias: tensor("in_proj_bias")?,
            },
            Op::TakeToken { index } => Kernel::TakeToken { index: *index as i64 },
            Op::FakeQuant(spec) => {
                Kernel::FakeQuant { spec: *spec, scale: tensor("scale")?, zero_point: tensor("zero_point")? }
            }
        })
    }

    fn weight_quant(&self, node: &Node) -> Result<Option<WeightQuant>> {
        let Some(spec) = node.op.weight_quant() else { return Ok(None) };
        let folded = self.batch_norm_behind(node).map(|norm| self.batch_norm(norm)).transpose()?;
        Ok(Some(WeightQuant { spec: *spec, scale: self.tensor(node, "weight_scale")?, folded }))
    }

    /// The batch norm that alone reads a convolution, and so will be folded into it.
    fn batch_norm_behind<'a>(&'a self, node: &'a Node) -> Option<&'a Node> {
        let only = self.graph.only_consumer(&node.name)?;
        (matches!(node.op, Op::Conv2d(_)) && matches!(only.op, Op::BatchNorm2d(_))).then_some(only)
    }

    fn batch_norm(&self, node: &Node) -> Result<BatchNorm> {
        let Op::BatchNorm2d(norm) = &node.op else {
            return Err(Error::node(&node.name, "is not a batch norm"));
        };
        let before = node.input().and_then(|name| self.graph.node(name));
        let in_quantized_conv =
            before.is_some_and(|conv| conv.op.weight_quant().is_some() && self.batch_norm_behind(conv).is_some());
        Ok(BatchNorm {
            weight: self.tensor(node, "weight")?,
            bias: self.tensor(node, "bias")?,
            mean: self.tensor(node, "running_mean")?,
            var: self.tensor(node, "running_var")?,
            eps: norm.eps,
            momentum: norm.momentum,
            in_quantized_conv,
        })
    }

    /// Whether the value of `name` may be overwritten by its reader: it has only one, and the backward passes of these
    /// ops read their inputs or saved statistics, never their output.
    fn may_overwrite(&self, name: &str) -> bool {
        let producer = self.graph.node(name);
        let kind =
            producer.is_some_and(|n| matches!(n.op, Op::Conv2d(_) | Op::BatchNorm2d(_) | Op::Linear(_) | Op::Add));
        kind && self.graph.consumers(name).count() == 1 && !self.graph.is_output(name)
    }

    fn value(&self, name: &str, reader: &str, before: usize) -> Result<usize> {
        match self.values.get(name) {
            Some(&index) if index < before => Ok(index),
            Some(_) => Err(Error::node(reader, format!("reads {name:?}, which comes later"))),
            None => Err(Error::node(reader, format!("reads {name:?}, which does not exist"))),
        }
    }

    fn tensor(&self, node: &Node, param: &str) -> Result<TensorIndex> {
        let name = node.param_name(param);
        self.tensors.get(&name).copied().ok_or_else(|| sweep_model::tensor::MissingTensor(name).into())
    }
}

fn mark_last_uses(steps: &mut [Step], is_output: impl Fn(usize) -> bool) {
    let mut last = vec![None; steps.len()];
    for (index, step) in steps.iter().enumerate() {
        for &input in &step.inputs {
            last[input] = Some(index);
        }
    }
    for (value, step) in last.into_iter().enumerate() {
        if let (Some(step), false) = (step, is_output(value)) {
            steps[step].last_uses.push(value);
        }
    }
}
