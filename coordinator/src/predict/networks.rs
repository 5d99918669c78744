//! The networks that a plan names, built to see whether they fit its images, what they are made of, and what they cost.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sweep_model::cost::{self, Cost};
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Graph, Role, onnx};
use sweep_shared::ids::ContentHash;
use sweep_shared::plan::{self, Catalogue, Published};
use sweep_shared::spec::{ModelSource, ModelSpec, PlanFile, PublishedFile};

/// How many classes a folder has is known where it lies; no network's strides depend on it.
const CLASSES: usize = 10;

/// A file that came with the plan.
#[derive(Debug, Clone)]
pub struct FileAt {
    /// As the plan writes it.
    pub name: String,
    pub hash: ContentHash,
    /// Where its bytes lie on this machine.
    pub path: PathBuf,
}

/// A network without its weights.
#[derive(Debug)]
pub struct Network {
    pub graph: Graph,
    pub cost: Cost,
}

/// A network, or why it cannot be built.
type Built = Result<Arc<Network>, String>;

/// Networks by what the plan says of them, each built once: a plan names few and has many jobs.
pub struct Networks {
    files: Vec<FileAt>,
    built: Mutex<HashMap<(String, u32), Built>>,
}

impl Networks {
    /// Of plans that name these files.
    pub fn new(files: Vec<FileAt>) -> Arc<Self> {
        Arc::new(Self { files, built: Mutex::default() })
    }

    /// What plans may name: the zoo's networks, and the files that came with this one.
    pub fn catalogue(self: &Arc<Self>) -> Catalogue {
        let hashes: BTreeMap<String, ContentHash> =
            self.files.iter().map(|file| (file.name.clone(), file.hash.clone())).collect();
        let models = zoo::names().map(str::to_owned).collect();
        Catalogue { models, networks: Arc::clone(self) as Arc<dyn plan::Networks>, files: hashes }
    }

    /// The network for square images of that many pixels. Which weights it starts from makes no difference.
    pub fn get(&self, model: &ModelSpec, size: u32) -> Built {
        let bare = ModelSpec { weights: None, ..model.clone() };
        let key = (serde_json::to_string(&bare).map_err(|e| e.to_string())?, size);
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        built.entry(key).or_insert_with(|| build(&self.files, model, size).map(Arc::new)).clone()
    }
}

fn build(files: &[FileAt], model: &ModelSpec, size: u32) -> Result<Network, String> {
    let graph = match &model.source {
        ModelSource::Zoo(name) => zoo::build(name, &options(model, size)).map_err(|e| in_words(&e))?,
        ModelSource::Onnx(file) => import(files, model.name(), file, size)?,
    };
    let cost = cost::count(&graph).map_err(|e| e.to_string())?;
    Ok(Network { graph, cost })
}

fn import(files: &[FileAt], name: &str, file: &PlanFile, size: u32) -> Result<Graph, String> {
    let place = files.iter().find(|at| at.hash == file.hash);
    let place = place.ok_or_else(|| format!("{} did not come with the plan", file.name))?;
    let bytes = std::fs::read(&place.path).map_err(|e| format!("it cannot be read: {e}"))?;
    let graph = onnx::import(&bytes, name).map_err(|e| in_words(&e))?.graph;
    let side = size as usize;
    match graph.input {
        [3, h, w] if (h, w) == (side, side) => Ok(graph),
        [c, h, w] => Err(format!("it takes images of {c}×{h}×{w}, and the plan's are 3×{size}×{size}")),
    }
}

fn options(model: &ModelSpec, size: u32) -> ZooOptions {
    let side = size as usize;
    let transform_input = model.transform_input;
    ZooOptions { input: [3, side, side], classes: CLASSES, width: model.width, transform_input }
}

/// An error with its causes.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

impl plan::Networks for Networks {
    fn parameters(&self, model: &ModelSpec, size: u32) -> Result<Option<Vec<String>>, String> {
        let network = self.get(model, size)?;
        let parameters = network.graph.params().filter(|(_, param)| param.role == Role::Parameter);
        Ok(Some(parameters.map(|(name, _)| name).collect()))
    }

    fn published(&self, name: &str) -> Option<Published> {
        let pretrained = zoo::pretrained(name)?;
        let transform_input = zoo::entry(name).is_ok_and(|entry| entry.transforms_input);
        let (url, sha256_prefix) = (pretrained.url.to_owned(), pretrained.sha256_prefix.to_owned());
        Some(Published { file: PublishedFile { url, sha256_prefix }, transform_input })
    }
}
