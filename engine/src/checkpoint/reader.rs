//! Reads back what a [`super::StateWriter`] wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::de::DeserializeOwned;
use tch::{Kind, Tensor};

use super::{Error, Result, State};

struct Blob {
    kind: Kind,
    shape: Vec<i64>,
    bytes: Vec<u8>,
}

struct Contents {
    folder: PathBuf,
    tensors: BTreeMap<String, Blob>,
    values: BTreeMap<String, serde_json::Value>,
}

/// A verified checkpoint in memory, seen from one scope. Cheap to clone.
#[derive(Clone)]
pub struct StateReader {
    prefix: String,
    contents: Arc<Contents>,
}

impl StateReader {
    pub(super) fn parse(folder: &Path, tensors: &[u8], values: &[u8]) -> Result<Self> {
        let damaged = |reason: String| Error::Damaged { folder: folder.to_path_buf(), reason };
        let parsed = SafeTensors::deserialize(tensors).map_err(|e| damaged(e.to_string()))?;
        let mut blobs = BTreeMap::new();
        for (name, view) in parsed.tensors() {
            let kind = kind_of(view.dtype()).ok_or_else(|| damaged(format!("{name} is of type {:?}", view.dtype())))?;
            let shape = view.shape().iter().map(|&d| d as i64).collect();
            blobs.insert(name, Blob { kind, shape, bytes: view.data().to_vec() });
        }
        let values = serde_json::from_slice(values).map_err(|e| damaged(e.to_string()))?;
        let contents = Contents { folder: folder.to_path_buf(), tensors: blobs, values };
        Ok(Self { prefix: String::new(), contents: Arc::new(contents) })
    }

    /// The folder that this was read from.
    pub fn folder(&self) -> &Path {
        &self.contents.folder
    }

    pub fn value<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value = self.contents.values.get(&self.full(name)).ok_or_else(|| self.missing(name))?;
        serde_json::from_value(value.clone()).map_err(|e| self.mismatch(name, e.to_string()))
    }

    /// The same for what older checkpoints do not have.
    pub fn value_or<T: DeserializeOwned>(&self, name: &str, otherwise: T) -> Result<T> {
        if self.contents.values.contains_key(&self.full(name)) { self.value(name) } else { Ok(otherwise) }
    }

    /// A new tensor on the CPU.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let blob = self.contents.tensors.get(&self.full(name)).ok_or_else(|| self.missing(name))?;
        Ok(Tensor::f_from_data_size(&blob.bytes, &blob.shape, blob.kind)?)
    }

    /// Overwrites `target` in place, keeping its device, layout in memory and identity. Shape and kind must be equal:
    /// libtorch's own copy would broadcast and convert in silence.
    pub fn tensor_into(&self, name: &str, target: &mut Tensor) -> Result<()> {
        let source = self.tensor(name)?;
        if source.size() != target.size() || source.kind() != target.kind() {
            let (found, wanted) = ((source.size(), source.kind()), (target.size(), target.kind()));
            return Err(self.mismatch(name, format!("found {found:?}, wanted {wanted:?}")));
        }
        Ok(tch::no_grad(|| target.f_copy_(&source))?)
    }

    pub fn bytes(&self, name: &str) -> Result<&[u8]> {
        let blob = self.contents.tensors.get(&self.full(name)).ok_or_else(|| self.missing(name))?;
        Ok(&blob.bytes)
    }

    /// The names of the tensors in this scope.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.contents.tensors.keys().filter_map(|name| name.strip_prefix(&self.prefix))
    }

    pub fn part(&self, scope: &str, state: &mut dyn State) -> Result<()> {
        state.load(&self.scope(scope))
    }

    /// The same checkpoint with every name under `scope`.
    pub fn scope(&self, scope: &str) -> Self {
        Self { prefix: format!("{}{scope}/", self.prefix), contents: Arc::clone(&self.contents) }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn missing(&self, name: &str) -> Error {
        self.mismatch(name, "it is missing".into())
    }

    fn mismatch(&self, name: &str, reason: String) -> Error {
        Error::Mismatch { name: self.full(name), reason }
    }
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    const KINDS: [Kind; 9] = [
        Kind::Float,
        Kind::Double,
        Kind::Int64,
        Kind::Int,
        Kind::Int8,
        Kind::Uint8,
        Kind::Bool,
        Kind::BFloat16,
        Kind::Half,
    ];
    KINDS.into_iter().find(|&kind| super::writer::dtype_of(kind) == Some(dtype))
}
