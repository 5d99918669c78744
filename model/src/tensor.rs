//! Dense f32 arrays and the named collection of them that a network needs.

use std::collections::BTreeMap;

/// A dense array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// `shape.product()` elements.
    pub data: Vec<f32>,
}

impl Tensor {
    /// Panics if the number of elements is not that of the shape: the caller made both.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Self {
        let shape = shape.into();
        assert_eq!(shape.iter().product::<usize>(), data.len(), "elements of a tensor of shape {shape:?}");
        Self { shape, data }
    }

    /// Every element the same.
    pub fn full(shape: impl Into<Vec<usize>>, value: f32) -> Self {
        let shape = shape.into();
        let elements = shape.iter().product();
        Self { shape, data: vec![value; elements] }
    }

    /// Every element zero.
    pub fn zeros(shape: impl Into<Vec<usize>>) -> Self {
        Self::full(shape, 0.0)
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.data.len()
    }

    /// The elements of each index of the first axis in turn: the filters of a convolution, the rows of a linear layer.
    pub fn rows(&self) -> std::slice::Chunks<'_, f32> {
        let rows = self.shape.first().copied().unwrap_or(1).max(1);
        self.data.chunks((self.data.len() / rows).max(1))
    }

    /// Number of elements that are not zero.
    pub fn nonzero(&self) -> usize {
        self.data.iter().filter(|x| **x != 0.0).count()
    }
}

/// A tensor that a graph needs is not among the weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the weights have no tensor {0:?}")]
pub struct MissingTensor(pub String);

/// Tensors by full name (`layer1.0.conv1.weight`), in alphabetical order. Masks of unstructured pruning have this type too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// No tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tensor of that full name.
    pub fn get(&self, name: &str) -> Result<&Tensor, MissingTensor> {
        self.0.get(name).ok_or_else(|| MissingTensor(name.into()))
    }

    /// The tensor of that full name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut Tensor, MissingTensor> {
        self.0.get_mut(name).ok_or_else(|| MissingTensor(name.into()))
    }

    /// The tensor `<node>.<param>`.
    pub fn param(&self, node: &str, param: &str) -> Result<&Tensor, MissingTensor> {
        self.get(&format!("{node}.{param}"))
    }

    /// Adds a tensor or replaces the one of that name, which it returns.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.0.insert(name.into(), tensor)
    }

    /// Takes a tensor out.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.0.remove(name)
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Names and tensors in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Names and tensors in alphabetical order, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tensor)> {
        self.0.iter_mut().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
    }
}

impl IntoIterator for Weights {
    type Item = (String, Tensor);
    type IntoIter = std::collections::btree_map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
