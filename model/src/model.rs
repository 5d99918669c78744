//! A network with its weights, and its two files: `graph.json` and `weights.safetensors`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};

use crate::graph::{FormatError, Graph};
use crate::tensor::{MissingTensor, Tensor, Weights};
use crate::verify::{self, VerifyError};

/// Name of the file that holds the graph.
pub const GRAPH_FILE: &str = "graph.json";
/// Name of the file that holds the weights.
pub const WEIGHTS_FILE: &str = "weights.safetensors";

/// A network with its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What is computed.
    pub graph: Graph,
    /// With which numbers.
    pub weights: Weights,
}

/// Why a model could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file system said no.
    #[error("cannot access {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// `graph.json` cannot be read.
    #[error(transparent)]
    Graph(#[from] FormatError),
    /// The weights are not a sound safetensors file.
    #[error("the weights are not a valid safetensors file: {0}")]
    Safetensors(#[from] SafeTensorError),
    /// A tensor has an element type that models do not use.
    #[error("tensor {name:?} has elements of type {dtype:?}; weights are F32")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its element type.
        dtype: Dtype,
    },
    /// A tensor is missing.
    #[error(transparent)]
    Missing(#[from] MissingTensor),
    /// The graph is unsound, or the weights do not fit it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl Model {
    /// Writes both files into `dir`, which is made if need be. Each appears whole or not at all, and equal models give equal
    /// bytes. The weights come first, so that a folder with a `graph.json` has weights.
    pub fn save(&self, dir: &Path) -> Result<(), ModelError> {
        fs::create_dir_all(dir).map_err(|source| ModelError::Io { path: dir.into(), source })?;
        write_whole(&dir.join(WEIGHTS_FILE), &self.weights.to_safetensors()?)?;
        write_whole(&dir.join(GRAPH_FILE), self.graph.to_json().as_bytes())
    }

    /// Reads both files and verifies that they are sound and belong together.
    pub fn load(dir: &Path) -> Result<Self, ModelError> {
        let read = |path: PathBuf| fs::read(&path).map_err(|source| ModelError::Io { path, source });
        Self::from_bytes(&read(dir.join(GRAPH_FILE))?, &read(dir.join(WEIGHTS_FILE))?)
    }

    /// [`Self::load`] from the contents of the two files.
    pub fn from_bytes(graph: &[u8], weights: &[u8]) -> Result<Self, ModelError> {
        let text = String::from_utf8_lossy(graph);
        let model = Self { graph: Graph::from_json(&text)?, weights: Weights::from_safetensors(weights)? };
        verify::model(&model)?;
        Ok(model)
    }
}

impl Weights {
    /// The bytes of a safetensors file: F32, little-endian, sorted by name.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, ModelError> {
        let bytes: Vec<_> = self.iter().map(|(name, tensor)| (name, &tensor.shape, le_bytes(&tensor.data))).collect();
        let views = bytes
            .iter()
            .map(|(name, shape, data)| TensorView::new(Dtype::F32, (*shape).clone(), data).map(|view| (*name, view)));
        Ok(safetensors::serialize(views.collect::<Result<Vec<_>, _>>()?, None)?)
    }

    /// Reads a safetensors file whose tensors are all F32.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, ModelError> {
        let file = SafeTensors::deserialize(bytes)?;
        file.iter()
            .map(|(name, view)| {
                if view.dtype() != Dtype::F32 {
                    return Err(ModelError::Dtype { name: name.into(), dtype: view.dtype() });
                }
                let (words, _) = view.data().as_chunks::<4>();
                let data = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
                Ok((name.to_owned(), Tensor { shape: view.shape().to_vec(), data }))
            })
            .collect()
    }
}

pub(crate) fn le_bytes(data: &[f32]) -> Vec<u8> {
    data.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Writes beside the target, flushes to disk and renames, so that a crash leaves the old file or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let temporary = path.with_added_extension("new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| ModelError::Io { path: path.into(), source })
}

#[cfg(test)]
mod tests;
