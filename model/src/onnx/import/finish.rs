//! From the draft to a model: what the logits do not need goes, what only readers understood becomes ops, nodes get names.

use std::rc::Rc;

use super::draft::{Draft, Drafts, Step};
use super::error::{ImportError, Problem};
use super::names::Unique;
use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::op::Op;
use crate::tensor::{Tensor, Weights};
use crate::verify;

/// The model whose logits are the draft's node `output`.
pub(super) fn model(mut drafts: Drafts, output: usize, name: &str) -> Result<Model, ImportError> {
    let output = logits(&mut drafts, output)?;
    fold_affines(&mut drafts, output);
    let needed = drafts.needed(output);
    if !needed[0] {
        return Err(ImportError::Output { found: "the output does not depend on the images".into() });
    }
    let classes = drafts.nodes[output].shape[0];
    let mut names = Unique::default();
    let mut called = vec![String::new(); drafts.nodes.len()];
    let mut nodes = Vec::new();
    let mut weights = Weights::new();
    for (index, draft) in drafts.nodes.into_iter().enumerate().filter(|(index, _)| needed[*index]) {
        called[index] = names.take(&draft.name);
        let inputs = draft.inputs.iter().map(|input| called[*input].clone()).collect();
        let problem =
            |problem| ImportError::Node { op: operator(&draft.step).into(), node: draft.name.clone(), problem };
        let (op, tensors) = kept(&draft).map_err(problem)?;
        let node = Node { name: called[index].clone(), op, inputs };
        drop(draft);
        for ((name, param), tensor) in node.params().zip(tensors) {
            weights.insert(name, Tensor { shape: param.shape, ..Rc::unwrap_or_clone(tensor) });
        }
        nodes.push(node);
    }
    let output = called[output].clone();
    let graph = Graph { name: name.into(), input: drafts.image, classes, nodes, output, auxiliary: Vec::new() };
    let model = Model { graph, weights };
    verify::model(&model)?;
    Ok(model)
}

/// The logits themselves: in front of a softmax, and as a vector.
fn logits(drafts: &mut Drafts, output: usize) -> Result<usize, ImportError> {
    let mut node = output;
    while drafts.nodes[node].step == Step::Softmax {
        node = drafts.nodes[node].inputs[0];
    }
    match drafts.nodes[node].shape[..] {
        [_] => Ok(node),
        [_, 1, 1] => drafts.shared("flatten", Op::Flatten, node).map_err(|problem| ImportError::Node {
            op: "Flatten".into(),
            node: drafts.nodes[node].name.clone(),
            problem,
        }),
        ref shape => {
            let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
            Err(ImportError::Output { found: format!("the output has shape [N, {}]", sizes.join(", ")) })
        }
    }
}

/// A scale and a shift directly behind a layer that nobody else reads become part of it.
fn fold_affines(drafts: &mut Drafts, output: usize) {
    let readers = drafts.readers(&drafts.needed(output));
    for index in 0..drafts.nodes.len() {
        let Draft { step: Step::Affine { scale, shift }, inputs, .. } = &drafts.nodes[index] else { continue };
        let layer = inputs[0];
        if readers.get(&layer) != Some(&1) || layer == output {
            continue;
        }
        if let Some(folded) = folded(&drafts.nodes[layer], scale, shift) {
            drafts.nodes[index] = folded;
        }
    }
}

/// `scale · layer + shift` as one layer.
fn folded(layer: &Draft, scale: &[f64], shift: &[f64]) -> Option<Draft> {
    let mut folded = layer.clone();
    match &mut folded.step {
        Step::Op(Op::Conv2d(conv)) => conv.bias = true,
        Step::Op(Op::Linear(linear)) => linear.bias = true,
        _ => return None,
    }
    let weight = folded.tensors.first()?;
    let out = weight.shape[0];
    let row = weight.data.len() / out.max(1);
    let at = |values: &[f64], index: usize| values[index % values.len()];
    let scaled =
        weight.data.iter().enumerate().map(|(index, value)| (f64::from(*value) * at(scale, index / row)) as f32);
    let old = |index: usize| folded.tensors.get(1).map_or(0.0, |bias| f64::from(bias.data[index]));
    let bias = (0..out).map(|index| (old(index) * at(scale, index) + at(shift, index)) as f32);
    let tensors = [
        Tensor::new(weight.shape.clone(), scaled.collect::<Vec<_>>()),
        Tensor::new(vec![out], bias.collect::<Vec<_>>()),
    ];
    folded.tensors = tensors.map(Rc::new).to_vec();
    Some(folded)
}

fn operator(step: &Step) -> &'static str {
    match step {
        Step::Op(op) => op.kind(),
        Step::Affine { .. } => "Add or Mul",
        Step::Erf => "Erf",
        Step::Softmax => "Softmax",
    }
}

/// The op that a step is kept as, with its tensors.
fn kept(draft: &Draft) -> Result<(Op, Vec<Rc<Tensor>>), Problem> {
    match &draft.step {
        Step::Op(op) => Ok((op.clone(), draft.tensors.clone())),
        Step::Affine { scale, shift } => {
            let [features, _, _] = draft.shape[..] else {
                return Err(Problem::Pattern(
                    "constants are added to or multiplied with images, their features, and the outputs of linear layers",
                ));
            };
            let each = |values: &[f64]| (0..features).map(|index| values[index % values.len()]).collect::<Vec<f64>>();
            let (scale, shift) = (each(scale), each(shift));
            if draft.inputs[0] == 0 {
                return Ok((Op::InputAffine { scale, shift }, Vec::new()));
            }
            let tensor = |values: Vec<f64>| {
                Rc::new(Tensor::new(vec![features], values.into_iter().map(|value| value as f32).collect::<Vec<_>>()))
            };
            Ok((Op::ChannelAffine { features }, vec![tensor(scale), tensor(shift)]))
        }
        Step::Erf => Err(Problem::Pattern("the error function is supported as part of GELU, x/2 · (1 + erf(x / √2))")),
        Step::Softmax => {
            Err(Problem::Pattern("a softmax is supported in attention, and behind the logits, where it is left out"))
        }
    }
}
