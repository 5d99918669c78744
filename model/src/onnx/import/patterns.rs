//! Several steps that together are one op.

use std::rc::Rc;

use super::draft::{Drafts, Step};
use super::error::Problem;
use crate::op::Op;
use crate::tensor::Tensor;

/// Whether two numbers are meant to be the same: files hold f32, and people write 0.1667.
pub(super) fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-3 * b.abs().max(1e-3)
}

impl Drafts {
    fn op(&self, node: usize) -> Option<&Op> {
        if let Step::Op(op) = &self.nodes[node].step { Some(op) } else { None }
    }

    /// `x`, if `node` is `scale · x + shift` with these numbers.
    pub fn scaled(&self, node: usize, scale: f64, shift: f64) -> Option<usize> {
        let Step::Affine { scale: scales, shift: shifts } = &self.nodes[node].step else { return None };
        let same = |values: &[f64], wanted: f64| matches!(values, [only] if near(*only, wanted));
        (same(scales, scale) && same(shifts, shift)).then(|| self.nodes[node].inputs[0])
    }

    /// `x`, if `node` is `op(x)`.
    fn of(&self, node: usize, op: &Op) -> Option<usize> {
        (self.op(node) == Some(op)).then(|| self.nodes[node].inputs[0])
    }

    /// `x`, if `node` is `min(max(x + 3, 0), 6)`.
    fn hinge(&self, node: usize) -> Option<usize> {
        self.scaled(self.of(node, &Op::Relu6)?, 1.0, 3.0)
    }

    /// `x`, if `node` is `(1 + erf(x / √2)) · factor`.
    fn error_share(&self, node: usize, factor: f64) -> Option<usize> {
        let erf = self.scaled(node, factor, factor)?;
        let root = (self.nodes[erf].step == Step::Erf).then(|| self.nodes[erf].inputs[0])?;
        self.scaled(root, std::f64::consts::FRAC_1_SQRT_2, 0.0)
    }

    /// `x · y`, or the activation that it completes.
    pub fn product(&mut self, name: &str, x: usize, y: usize) -> Result<usize, Problem> {
        for (x, gate) in [(x, y), (y, x)] {
            let op = if self.of(gate, &Op::Sigmoid) == Some(x) {
                Some((Op::Silu, x))
            } else if self.of(gate, &Op::Hardsigmoid) == Some(x) {
                Some((Op::Hardswish, x))
            } else {
                let halved = self.scaled(x, 0.5, 0.0).filter(|whole| self.error_share(gate, 1.0) == Some(*whole));
                let whole = halved.or_else(|| self.error_share(gate, 0.5).filter(|whole| *whole == x));
                whole.map(|whole| (Op::Gelu, whole))
            };
            if let Some((op, x)) = op {
                return self.add(name, Step::Op(op), &[x], Vec::new());
            }
        }
        let is_gate = |node: usize| matches!(self.nodes[node].shape[..], [_, 1, 1]);
        let inputs = if is_gate(x) && !is_gate(y) { [y, x] } else { [x, y] };
        self.add(name, Step::Op(Op::Mul), &inputs, Vec::new())
    }

    /// `scale · x + shift`, with one number each or as many as there are channels: the bias of the layer before, part of an
    /// activation, or a step of its own.
    pub fn affine(&mut self, name: &str, node: usize, scale: Vec<f64>, shift: Vec<f64>) -> Result<usize, Problem> {
        if scale.iter().all(|value| *value == 1.0) && shift.iter().all(|value| *value == 0.0) {
            return Ok(node);
        }
        if scale == [1.0]
            && shift.len() > 1
            && let Some(biased) = self.with_bias(node, &shift)
        {
            return Ok(biased);
        }
        if let ([scale], [shift]) = (&scale[..], &shift[..])
            && let Some((op, x)) = self.completed(node, *scale, *shift)
        {
            return self.add(name, Step::Op(op), &[x], Vec::new());
        }
        let Step::Affine { scale: first, shift: offset } = &self.nodes[node].step else {
            return self.add(name, Step::Affine { scale, shift }, &[node], Vec::new());
        };
        let channels = [&scale, &shift, first, offset].iter().map(|values| values.len()).max().unwrap_or(1);
        let at = |values: &[f64], index: usize| values[index % values.len()];
        let joined = Step::Affine {
            scale: (0..channels).map(|c| at(first, c) * at(&scale, c)).collect(),
            shift: (0..channels).map(|c| at(offset, c) * at(&scale, c) + at(&shift, c)).collect(),
        };
        let input = self.nodes[node].inputs[0];
        self.add(name, joined, &[input], Vec::new())
    }

    /// The activation that `scale · node + shift` is.
    fn completed(&self, node: usize, scale: f64, shift: f64) -> Option<(Op, usize)> {
        if shift != 0.0 {
            return None;
        }
        if near(scale, 1.0 / 6.0)
            && let Some(x) = self.hinge(node)
        {
            return Some((Op::Hardsigmoid, x));
        }
        let product = (self.op(node) == Some(&Op::Mul)).then(|| &self.nodes[node].inputs)?;
        [(product[0], product[1]), (product[1], product[0])].into_iter().find_map(|(x, gate)| {
            if near(scale, 1.0 / 6.0) && self.hinge(gate) == Some(x) {
                return Some((Op::Hardswish, x));
            }
            (near(scale, 0.5) && self.error_share(gate, 1.0) == Some(x)).then_some((Op::Gelu, x))
        })
    }

    /// The layer `node` with `shift` as its bias, if it has none.
    fn with_bias(&mut self, node: usize, shift: &[f64]) -> Option<usize> {
        let mut draft = self.nodes[node].clone();
        let (bias, out) = match &mut draft.step {
            Step::Op(Op::Conv2d(conv)) => (&mut conv.bias, conv.out_channels),
            Step::Op(Op::Linear(linear)) => (&mut linear.bias, linear.out_features),
            _ => return None,
        };
        if *bias || out != shift.len() {
            return None;
        }
        *bias = true;
        let values = shift.iter().map(|value| *value as f32).collect::<Vec<_>>();
        draft.tensors.push(Rc::new(Tensor::new(vec![shift.len()], values)));
        self.nodes.push(draft);
        Some(self.nodes.len() - 1)
    }

    /// The channels of an earlier value that `node` is, and what was done to them.
    pub fn part(&self, node: usize) -> Option<Part> {
        let (slice, scale, shift) = match &self.nodes[node].step {
            Step::Affine { scale, shift } => (self.nodes[node].inputs[0], scale.clone(), shift.clone()),
            _ => (node, vec![1.0], vec![0.0]),
        };
        let Some(Op::Slice { start, end }) = self.op(slice) else { return None };
        let each = |values: Vec<f64>| (0..end - start).map(|index| values[index % values.len()]).collect();
        let source = self.nodes[slice].inputs[0];
        Some(Part { source, start: *start, end: *end, scale: each(scale), shift: each(shift) })
    }
}

/// Channels `start..end` of a node, scaled and shifted one by one.
pub(super) struct Part {
    pub source: usize,
    pub start: usize,
    pub end: usize,
    pub scale: Vec<f64>,
    pub shift: Vec<f64>,
}
