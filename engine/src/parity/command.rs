//! `sweep-runner bisect`: what stands behind `sweep model bisect`.

use std::path::{Path, PathBuf};

use sweep_model::{Graph, Model, Tensor as Array, randomise, state_dict};
use sweep_shared::bisect::BisectReport;

use super::bisect::{compare, deployed_names, own_names};
use super::subject::Subject;
use super::values::{Values, deployed_values, lowered_values};
use crate::error::{Error, Result};

/// Name of the tensor of a dump that holds the images, `[N, C, H, W]`.
const IMAGES: &str = "images";
/// Images that are drawn where no dump brings its own.
const DRAWN: usize = 2;

/// What to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Bisect {
    /// Folder of a saved model.
    pub model: PathBuf,
    /// A safetensors file with the values of nodes, by their names, and the `images` that they are for.
    pub against: Option<PathBuf>,
    /// What max|Δ| / max|value| of a node may be.
    pub tolerance: f64,
}

impl Bisect {
    /// Compares the engine with ONNX Runtime, and with the dump if there is one.
    pub fn run(&self) -> Result<BisectReport> {
        let model = Model::load(&self.model)?;
        if model.graph.is_quantized() {
            return Err(Error::BadInput("only float networks are compared node by node; this one is quantized".into()));
        }
        let dump = self.against.as_deref().map(read).transpose()?;
        let images = match dump.as_ref().and_then(|dump| dump.get(IMAGES)) {
            Some(images) => fitting(&model.graph, images)?,
            None => randomise::images(DRAWN, model.graph.input),
        };
        let subject = Subject { model, images };
        let graph = &subject.model.graph;
        let ours = lowered_values(&subject)?;
        let (deployed, values) = deployed_values(&subject)?;
        let names = deployed_names(graph, &deployed);
        let mut comparisons = vec![compare(graph, &ours, ("ONNX Runtime", &values), &names, self.tolerance)];
        if let (Some(dump), Some(path)) = (&dump, &self.against) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let found = compare(graph, &ours, (&name, dump), &own_names(graph), self.tolerance);
            if found.nodes.is_empty() {
                return Err(Error::BadInput(format!("{} has no value that is named as a node is", path.display())));
            }
            comparisons.push(found);
        }
        let (network, images) = (graph.name.clone(), subject.images.shape[0]);
        Ok(BisectReport { network, images, tolerance: self.tolerance, comparisons })
    }
}

/// The float tensors of a dump.
fn read(path: &Path) -> Result<Values> {
    let bytes = std::fs::read(path).map_err(Error::io(format!("read {}", path.display())))?;
    let file = state_dict::read(&bytes).map_err(Error::stage(format!("reading {}", path.display())))?;
    Ok(file.iter().filter_map(|(name, array)| Some((name.to_owned(), array.to_tensor()?))).collect())
}

fn fitting(graph: &Graph, images: &Array) -> Result<Array> {
    if images.shape.len() != 4 || images.shape[1..] != graph.input || images.shape[0] == 0 {
        let message =
            format!("the dump's images have the shape {:?}, but the network takes {:?}", images.shape, graph.input);
        return Err(Error::BadInput(message));
    }
    Ok(images.clone())
}
