//! One ONNX node with its inputs looked up: typed access to attributes, constants and values.

use std::rc::Rc;

use super::array::Array;
use super::error::Problem;
use super::view::View;
use crate::onnx::proto::{AttributeProto, NodeProto, TensorProto};

/// What a name of the ONNX graph stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Known before the network runs.
    Constant(Rc<Array>),
    /// Computed from the images.
    Traced(Traced),
    /// Dot products of queries and keys on their way to a softmax, and behind it.
    Scores(Rc<Scores>),
}

/// A value of the network: what a node of the draft computes, seen through a view.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Traced {
    /// Index of the draft's node.
    pub node: usize,
    pub view: View,
    /// What its numbers are multiplied by (attention scales queries and keys).
    pub factor: f64,
    /// Zeros around H and W that an operator `Pad` added.
    pub padding: [usize; 2],
}

/// `queries · keysᵀ · factor`, of shape `[N, heads, L, L]`.
#[derive(Clone, Debug)]
pub(super) struct Scores {
    pub queries: Traced,
    pub keys: Traced,
    pub factor: f64,
    pub softmax: bool,
}

/// A node and its inputs, in order; `None` for an optional one that is left out.
pub(super) struct Call<'a> {
    pub node: &'a NodeProto,
    pub inputs: Vec<Option<Value>>,
}

impl<'a> Call<'a> {
    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|attribute| attribute.i)
    }

    pub fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub fn float(&self, name: &str) -> Option<f64> {
        self.attribute(name).map(|attribute| decimal(attribute.f))
    }

    pub fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.attribute(name).map(|attribute| String::from_utf8_lossy(&attribute.s).into_owned())
    }

    pub fn tensor(&self, name: &str) -> Option<&'a TensorProto> {
        self.attribute(name).and_then(|attribute| attribute.t.as_ref())
    }

    /// An input that may be left out.
    pub fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    pub fn input(&self, index: usize) -> Result<&Value, Problem> {
        self.optional(index).ok_or(Problem::MissingInput(index))
    }

    /// A value of the network.
    pub fn traced(&self, index: usize) -> Result<&Traced, Problem> {
        match self.input(index)? {
            Value::Traced(traced) => Ok(traced),
            Value::Constant(_) => Err(Problem::Constant("input")),
            Value::Scores(_) => Err(Problem::Pattern(super::attention::UNKNOWN)),
        }
    }

    /// A constant, called `what` in errors.
    pub fn constant(&self, index: usize, what: &'static str) -> Result<&Rc<Array>, Problem> {
        match self.input(index)? {
            Value::Constant(array) => Ok(array),
            _ => Err(Problem::NotConstant(what)),
        }
    }

    /// A constant that may be left out.
    pub fn optional_constant(&self, index: usize, what: &'static str) -> Result<Option<&Rc<Array>>, Problem> {
        self.optional(index).map(|_| self.constant(index, what)).transpose()
    }

    /// Integers that newer operator sets have as input `index` and older ones as an attribute.
    pub fn list(&self, index: usize, name: &'static str) -> Result<Option<Vec<i64>>, Problem> {
        match self.optional_constant(index, name)? {
            Some(array) => match array.as_ints() {
                Some(values) => Ok(Some(values.to_vec())),
                None => Err(Problem::attribute(name, array.to_floats(), "integers")),
            },
            None => Ok(self.ints(name).map(<[i64]>::to_vec)),
        }
    }

    /// A number that newer operator sets have as input `index` and older ones as an attribute.
    pub fn number(&self, index: usize, name: &'static str) -> Result<Option<f64>, Problem> {
        match self.optional_constant(index, name)? {
            Some(array) => match array.scalar() {
                Some(value) => Ok(Some(value)),
                None => Err(Problem::attribute(name, &array.dims, "a single number")),
            },
            None => Ok(self.float(name)),
        }
    }

    /// The attribute `axis` as an index below `rank`.
    pub fn axis(&self, default: i64, rank: usize) -> Result<usize, Problem> {
        axis(self.int("axis").unwrap_or(default), rank)
    }

    /// The integers `axes` of [`Self::list`], each as an index below `rank`.
    pub fn axes(&self, index: usize, rank: usize) -> Result<Option<Vec<usize>>, Problem> {
        let axes = self.list(index, "axes")?;
        axes.map(|axes| axes.into_iter().map(|value| axis(value, rank)).collect()).transpose()
    }
}

/// The shortest decimal number that rounds to `value`: what somebody wrote in Python before it became a float (1e-6).
pub(super) fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

/// Counts negative axes from behind.
pub(super) fn axis(value: i64, rank: usize) -> Result<usize, Problem> {
    let from_front = if value < 0 { value.checked_add(rank as i64) } else { Some(value) };
    let index = from_front.and_then(|value| usize::try_from(value).ok()).filter(|index| *index < rank);
    index.ok_or_else(|| Problem::attribute("axis", value, "an axis of the input"))
}

/// The sizes that Reshape asks for, with 0 (copied from `old` unless `keep_zero`) and one −1 (whatever is left) filled in.
pub(super) fn resolve(target: &[i64], old: &[usize], keep_zero: bool) -> Result<Vec<usize>, Problem> {
    let bad = || Problem::attribute("shape", target, "sizes that fit the input");
    let mut sizes = Vec::with_capacity(target.len());
    let mut free = None;
    for (index, value) in target.iter().enumerate() {
        sizes.push(match *value {
            -1 if free.replace(index).is_none() => 1,
            0 if !keep_zero => *old.get(index).ok_or_else(bad)?,
            value => usize::try_from(value).map_err(|_| bad())?,
        });
    }
    let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |total, size| total.checked_mul(*size));
    let (total, known) = (product(old).ok_or_else(bad)?, product(&sizes).ok_or_else(bad)?);
    if let Some(index) = free {
        sizes[index] = total.checked_div(known).ok_or_else(bad)?;
    }
    if product(&sizes) == Some(total) { Ok(sizes) } else { Err(bad()) }
}
