//! The network that a stage begins with: where it comes from, how it is built, and which weights it starts from.

use serde::{Deserialize, Serialize};

use super::PlanFile;

/// A network before its first step. Where a plan names a network of the zoo and says nothing else, it is written as that name
/// alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct ModelSpec {
    pub source: ModelSource,
    /// Channels as a share of those of the published network, above 0; 1 for files.
    pub width: f64,
    pub init: Init,
    /// Whether the network turns images normalised with ImageNet's statistics into those with mean and deviation ½ first, as
    /// torchvision's GoogLeNet and Inception do with their published weights.
    pub transform_input: bool,
    /// What the weights start from; `None`: drawn anew from the job's seed.
    pub weights: Option<WeightsSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// A name of the zoo.
    Zoo(String),
    /// A file that holds graph and weights.
    Onnx(PlanFile),
}

/// How weights are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// The network's own way: torchvision's, where torchvision has the network.
    #[default]
    Torchvision,
    /// He et al. 2015 for every convolution, whatever the network.
    Kaiming,
}

/// Weights that exist already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightsSpec {
    /// Trained on ImageNet and published; the agent downloads them.
    Imagenet(PublishedFile),
    /// A state dict that travels with the plan: `.pth` or `.safetensors`.
    File(PlanFile),
}

/// A file on the web, and how it is known to be the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFile {
    pub url: String,
    /// The first hexadecimal digits of its SHA-256, as publishers put them into the file's name.
    pub sha256_prefix: String,
}

impl PublishedFile {
    /// The last part of the URL: what the file is called on disk.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }
}

/// Where published weights lie below an agent's data set folder.
pub const WEIGHTS_FOLDER: &str = "weights";

impl ModelSpec {
    /// A network of the zoo with nothing else said.
    pub fn zoo(name: impl Into<String>) -> Self {
        Self::plain(ModelSource::Zoo(name.into()))
    }

    /// The source with every default.
    pub fn plain(source: ModelSource) -> Self {
        Self { source, width: 1.0, init: Init::default(), transform_input: false, weights: None }
    }

    /// The name of the zoo, or the file's name without its folder and ending.
    pub fn name(&self) -> &str {
        match &self.source {
            ModelSource::Zoo(name) => name,
            ModelSource::Onnx(file) => {
                let base = file.name.rsplit('/').next().unwrap_or(&file.name);
                base.strip_suffix(".onnx").unwrap_or(base)
            }
        }
    }

    /// The files that travel with the plan.
    pub fn files(&self) -> impl Iterator<Item = &PlanFile> {
        let source = if let ModelSource::Onnx(file) = &self.source { Some(file) } else { None };
        let weights = if let Some(WeightsSpec::File(file)) = &self.weights { Some(file) } else { None };
        source.into_iter().chain(weights)
    }

    /// The file that is downloaded.
    pub fn published(&self) -> Option<&PublishedFile> {
        if let Some(WeightsSpec::Imagenet(file)) = &self.weights { Some(file) } else { None }
    }
}

/// How a [`ModelSpec`] is written: what has its default is left out.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Full(Full),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    onnx: Option<PlanFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    transform_input: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<WeightsSpec>,
}

/// A written network that names neither a zoo entry nor a file, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a model has either a `name` or an `onnx` file")]
pub struct NoSource;

impl From<ModelSpec> for Written {
    fn from(model: ModelSpec) -> Self {
        let (name, onnx) = match model.source.clone() {
            ModelSource::Zoo(name) => (Some(name), None),
            ModelSource::Onnx(file) => (None, Some(file)),
        };
        match name {
            Some(name) if model == ModelSpec::zoo(name.as_str()) => Self::Name(name),
            name => Self::Full(Full {
                name,
                onnx,
                width: (model.width != 1.0).then_some(model.width),
                init: (model.init != Init::default()).then_some(model.init),
                transform_input: model.transform_input,
                weights: model.weights,
            }),
        }
    }
}

impl TryFrom<Written> for ModelSpec {
    type Error = NoSource;

    fn try_from(written: Written) -> Result<Self, NoSource> {
        let full = match written {
            Written::Name(name) => return Ok(Self::zoo(name)),
            Written::Full(full) => full,
        };
        let source = match (full.name, full.onnx) {
            (Some(name), None) => ModelSource::Zoo(name),
            (None, Some(file)) => ModelSource::Onnx(file),
            _ => return Err(NoSource),
        };
        Ok(Self {
            source,
            width: full.width.unwrap_or(1.0),
            init: full.init.unwrap_or_default(),
            transform_input: full.transform_input,
            weights: full.weights,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ContentHash;
    use serde_json::json;

    fn file(name: &str) -> PlanFile {
        PlanFile { name: name.to_owned(), hash: ContentHash::of(b"x") }
    }

    #[test]
    fn a_plain_network_is_written_as_its_name() {
        let plain = ModelSpec::zoo("small-cnn");
        assert_eq!(serde_json::to_value(&plain).unwrap(), json!("small-cnn"));
        assert_eq!(serde_json::from_value::<ModelSpec>(json!("small-cnn")).unwrap(), plain);
    }

    #[test]
    fn whatever_is_said_survives_writing_and_reading() {
        let url = "https://host/resnet18-f37072fd.pth".to_owned();
        let published = PublishedFile { url, sha256_prefix: "f37072fd".to_owned() };
        assert_eq!(published.name(), "resnet18-f37072fd.pth");
        let mut model = ModelSpec { width: 0.5, init: Init::Kaiming, transform_input: true, ..ModelSpec::zoo("a") };
        for weights in [None, Some(WeightsSpec::Imagenet(published)), Some(WeightsSpec::File(file("w.pth")))] {
            model.weights = weights;
            let text = serde_json::to_string(&model).unwrap();
            assert_eq!(serde_json::from_str::<ModelSpec>(&text).unwrap(), model, "{text}");
        }
        let onnx = ModelSpec::plain(ModelSource::Onnx(file("nets/mine.onnx")));
        assert_eq!((onnx.name(), onnx.files().count()), ("mine", 1));
        assert_eq!(
            serde_json::to_value(&onnx).unwrap(),
            json!({"onnx": {"name": "nets/mine.onnx", "hash": file("").hash}})
        );
        assert_eq!(serde_json::from_value::<ModelSpec>(serde_json::to_value(&onnx).unwrap()).unwrap(), onnx);
    }

    #[test]
    fn a_network_has_one_source() {
        for wrong in [json!({}), json!({"name": "a", "onnx": file("b")}), json!({"name": "a", "depth": 3})] {
            assert!(serde_json::from_value::<ModelSpec>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
