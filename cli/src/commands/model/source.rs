//! From what the user names to a graph: a network of the zoo, the folder of a point, a `graph.json`, or an ONNX file.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use sweep_model::model::{GRAPH_FILE, WEIGHTS_FILE};
use sweep_model::zoo::{self, Entry, ZooOptions};
use sweep_model::{Graph, Model, Weights, cost, init, onnx, verify};
use sweep_shared::plan::nearest;

use crate::exit::{Exit, Failure, Outcome};
use crate::onnx_file;

/// Classes of the networks that were published for larger images than 32×32.
pub const IMAGENET_CLASSES: usize = 1000;
/// Those of the others.
pub const CIFAR_CLASSES: usize = 10;

/// What a network of the zoo is built for.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Built {
    /// Size of the images: 3x224x224, 224x224 or 224 [default: what the network was published for]
    #[arg(long, visible_alias = "size", value_name = "CxHxW")]
    input: Option<InputSize>,
    /// Number of classes [default: what the network was published for]
    #[arg(long)]
    classes: Option<usize>,
    /// Multiplies the channels of every layer
    #[arg(long)]
    width: Option<f64>,
    /// Transform images as the published weights of GoogLeNet and Inception v3 expect it
    #[arg(long)]
    transform_input: bool,
}

/// `[C, H, W]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSize([usize; 3]);

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides: Result<Vec<usize>, _> = text.split(['x', '×']).map(str::parse).collect();
        match sides.as_deref() {
            Ok([side]) => Ok(Self([3, *side, *side])),
            Ok([height, width]) => Ok(Self([3, *height, *width])),
            Ok([channels, height, width]) => Ok(Self([*channels, *height, *width])),
            _ => Err("a size is channels, height and width, as in 3x224x224; 224 means that".to_owned()),
        }
    }
}

/// A network that was asked for.
#[derive(Debug)]
pub struct Network {
    pub graph: Graph,
    /// Elements of its parameters that are not zero: of a zoo's network as it begins, for which no weight is drawn; `None` of a
    /// graph without weights.
    pub nonzero: Option<u64>,
    /// What came with it; nothing does with a network of the zoo.
    pub weights: Option<Weights>,
    /// Whether it is a network of the zoo, which has not been trained.
    pub fresh: bool,
}

/// The network that `name` stands for. A name of the zoo is never taken for a file.
pub fn find(name: &str, built: &Built) -> Outcome<Network> {
    match zoo::entry(name) {
        Ok(entry) => of_zoo(entry, built),
        Err(_) => from_file(name, Path::new(name), built),
    }
}

/// Classes that the network was published for.
pub fn published_classes(entry: &Entry) -> usize {
    if entry.input == ZooOptions::default().input { CIFAR_CLASSES } else { IMAGENET_CLASSES }
}

fn of_zoo(entry: &Entry, built: &Built) -> Outcome<Network> {
    let options = ZooOptions {
        width: built.width.unwrap_or(1.0),
        transform_input: built.transform_input,
        ..ZooOptions::new(
            built.input.map_or(entry.input, |input| input.0),
            built.classes.unwrap_or_else(|| published_classes(entry)),
        )
    };
    let graph = zoo::build(entry.name, &options).map_err(|error| Failure::from(error).exit(Exit::Usage))?;
    let nonzero = Some(init::nonzero_parameters(entry.init, &graph));
    Ok(Network { graph, nonzero, weights: None, fresh: true })
}

fn from_file(name: &str, path: &Path, built: &Built) -> Outcome<Network> {
    if !path.exists() {
        return Err(nothing(name));
    }
    if built.input.is_some() || built.classes.is_some() || built.width.is_some() || built.transform_input {
        return Err(Failure::usage(format!(
            "--input, --classes, --width and --transform-input are for networks of the zoo; {name} says by itself what it was made for"
        )));
    }
    read(path).map_err(|failure| failure.context(format!("cannot show {name}")).exit(Exit::Usage))
}

/// Neither a network of the zoo nor a file.
fn nothing(name: &str) -> Failure {
    if name.contains('/') || Path::new(name).extension().is_some() {
        return Failure::usage(format!("there is no file {name:?}, and no network is called so")).hint(
            "a point's folder, a graph.json and an .onnx file can be read; `sweep model list` shows the networks",
        );
    }
    let failure = Failure::usage(format!("no network is called {name:?}, and there is no file {name:?}"));
    match nearest(name, zoo::names()) {
        Some(near) => failure.hint(format!("did you mean {near}? `sweep model list` shows all")),
        None => failure.hint("`sweep model list` shows the networks"),
    }
}

fn read(path: &Path) -> Outcome<Network> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        _ if path.is_dir() => stored(&path.join(GRAPH_FILE)),
        "json" => stored(path),
        "onnx" => {
            let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            let bytes = onnx_file::joined(path)?.map_or_else(|| contents(path), Ok)?;
            Ok(with_weights(onnx::import(&bytes, &name)?))
        }
        "safetensors" | "pth" | "pt" => Err(Failure::usage("it holds weights, but not the network that they are for")
            .hint(format!("name the network of the zoo, the folder with the {GRAPH_FILE}, or an .onnx file"))),
        _ => Err(Failure::usage("it is not a file that networks are read from")
            .hint(format!("a point's folder, a {GRAPH_FILE} and an .onnx file can be read"))),
    }
}

/// A `graph.json`, with the weights beside it if there are any.
fn stored(path: &Path) -> Outcome<Network> {
    let graph = contents(path)?;
    let weights = path.with_file_name(WEIGHTS_FILE);
    if weights.is_file() {
        return Ok(with_weights(Model::from_bytes(&graph, &contents(&weights)?)?));
    }
    let graph = Graph::from_json(&String::from_utf8_lossy(&graph))?;
    verify::graph(&graph)?;
    Ok(Network { graph, nonzero: None, weights: None, fresh: false })
}

fn with_weights(model: Model) -> Network {
    let nonzero = Some(cost::nonzero_parameters(&model));
    Network { nonzero, weights: Some(model.weights), graph: model.graph, fresh: false }
}

fn contents(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::from(error).context(format!("cannot read {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_model::passes::pipeline::deploy;

    #[test]
    fn sizes_are_read_with_and_without_channels() {
        let size = |text: &str| text.parse::<InputSize>().map(|size| size.0);
        assert_eq!(size("1x28x32"), Ok([1, 28, 32]));
        assert_eq!(size("160×192"), Ok([3, 160, 192]));
        assert_eq!(size("224"), Ok([3, 224, 224]));
        for wrong in ["", "x", "3x", "3x2x1x0", "3,32,32", "-1x2"] {
            assert!(size(wrong).unwrap_err().contains("3x224x224"), "{wrong}");
        }
    }

    #[test]
    fn a_network_of_the_zoo_is_the_published_one_unless_something_else_is_asked_for() {
        let published = find("resnet18", &Built::default()).unwrap().graph;
        assert_eq!((published.input, published.classes), ([3, 224, 224], 1000));
        let small = find("tiny-cnn", &Built::default()).unwrap().graph;
        assert_eq!((small.input, small.classes), ([3, 32, 32], 10));
        let built =
            Built { input: Some(InputSize([3, 64, 64])), classes: Some(7), width: Some(0.5), transform_input: false };
        let own = find("resnet18", &built).unwrap().graph;
        assert_eq!((own.input, own.classes), ([3, 64, 64], 7));
        assert!(own.nodes.len() == published.nodes.len() && own != published);
    }

    #[test]
    fn a_saved_model_is_read_from_its_folder_with_its_weights() {
        let folder = tempfile::tempdir().unwrap();
        let graph = find("tiny-cnn", &Built::default()).unwrap().graph;
        let mut model = init::model(graph, 0);
        model.weights.get_mut("fc.bias").unwrap().data.fill(0.0);
        model.save(folder.path()).unwrap();
        let nonzero = cost::nonzero_parameters(&model);
        let named = |path: &Path| find(path.to_str().unwrap(), &Built::default());
        for path in [folder.path().to_owned(), folder.path().join(GRAPH_FILE)] {
            let network = named(&path).unwrap();
            assert_eq!((network.graph, network.nonzero, network.fresh), (model.graph.clone(), Some(nonzero), false));
        }
        fs::remove_file(folder.path().join(WEIGHTS_FILE)).unwrap();
        assert_eq!(named(folder.path()).unwrap().nonzero, None);
        fs::write(folder.path().join(GRAPH_FILE), "{}").unwrap();
        let refused = named(folder.path()).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(refused.text().contains("the graph is not valid"), "{}", refused.text());
    }

    #[test]
    fn an_onnx_file_is_imported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.onnx");
        let model = init::model(find("tiny-cnn", &Built::default()).unwrap().graph, 0);
        fs::write(&path, onnx::export(&deploy(&model).unwrap()).unwrap()).unwrap();
        let network = find(path.to_str().unwrap(), &Built::default()).unwrap();
        assert_eq!((network.graph.name.as_str(), network.graph.classes), ("mine", 10));
        let counted = cost::count(&network.graph).unwrap();
        assert_eq!(counted.macs, cost::count(&model.graph).unwrap().macs);
        assert!(network.nonzero.unwrap() <= counted.parameters);
        fs::write(&path, "no ONNX").unwrap();
        assert_eq!(find(path.to_str().unwrap(), &Built::default()).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn what_is_no_network_is_told_with_what_could_be() {
        let refused = |name: &str, built: &Built| find(name, built).unwrap_err();
        let unknown = refused("resnet-18", &Built::default());
        assert_eq!(unknown.exit, Exit::Usage);
        assert!(
            unknown.text().contains("sweep model list") && unknown.text().contains("no file"),
            "{}",
            unknown.text()
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resnet18.pth");
        fs::write(&path, "").unwrap();
        let weights = refused(path.to_str().unwrap(), &Built::default());
        assert!(weights.text().contains("but not the network"), "{}", weights.text());
        let sized = Built { classes: Some(3), ..Built::default() };
        assert!(refused(path.to_str().unwrap(), &sized).text().contains("--classes"));
        let too_small = Built { input: Some(InputSize([3, 1, 1])), ..Built::default() };
        assert_eq!(refused("alexnet", &too_small).exit, Exit::Usage);
    }
}
