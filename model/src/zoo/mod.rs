//! Networks by name.
//!
//! Each entry of [`ENTRIES`] is a function from [`ZooOptions`] to a [`Graph`], and that table is all there is to register.
//! torchvision's networks have its names of nodes and tensors, its numbers and its first weights, so that state dicts
//! interchange; what has no tensors has a name of its own under that of its module. Networks for 32×32 images end in
//! `-cifar`; students and tiny networks have descriptive names. Each family has its file, [`blocks`] what several share.

mod alexnet;
mod blocks;
mod densenet;
mod efficientnet;
mod entries;
mod googlenet;
mod inception;
mod inception_v3;
mod mobilenet_v2;
mod mobilenet_v3;
mod options;
mod plain;
mod pretrained;
mod resnet;
mod shufflenet;
mod squeezenet;
mod students;
mod vgg;
mod vit;

pub use entries::{ENTRIES, Entry};
pub use options::{ZooError, ZooOptions};
pub use pretrained::{Pretrained, pretrained};

pub use crate::init::Init;

use crate::graph::{Graph, GraphBuilder};
use crate::init;
use crate::model::Model;
use crate::shape::{ShapeError, ShapeProblem};

/// Names of all networks.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

/// The network's entry.
pub fn entry(name: &str) -> Result<&'static Entry, ZooError> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| ZooError::Unknown(name.into()))
}

/// The size of the images that the network was published for, `[C, H, W]`.
pub fn input(name: &str) -> Result<[usize; 3], ZooError> {
    entry(name).map(|entry| entry.input)
}

/// The network of that name for these images and classes.
pub fn build(name: &str, options: &ZooOptions) -> Result<Graph, ZooError> {
    let entry = entry(name)?;
    options.check()?;
    if options.transform_input && !(entry.transforms_input && options.input[0] == 3) {
        return Err(ZooError::TransformInput { name: entry.name });
    }
    let input = options.input;
    build_entry(entry, options).map_err(|error| {
        let least = least(entry, options, &error);
        ZooError::Shape { name: entry.name, input, least, source: Box::new(error) }
    })
}

/// The network of that name with first weights from the seed.
pub fn model(name: &str, options: &ZooOptions, init: Init, seed: u64) -> Result<Model, ZooError> {
    let graph = build(name, options)?;
    let scheme = match init {
        Init::Torchvision => entry(name)?.init,
        Init::Kaiming => &init::KAIMING,
    };
    Ok(init::model_by(scheme, graph, seed))
}

/// The layers that give the logits, and those of the auxiliary classifiers: what is replaced when classes differ. The
/// network's own comes first.
pub fn classifiers(graph: &Graph) -> Vec<String> {
    let outputs = graph.auxiliary.iter().map(|auxiliary| &auxiliary.output);
    [&graph.output].into_iter().chain(outputs).filter_map(|output| last_layer(graph, output)).collect()
}

/// The last node with weights on the way to `output`, if nothing branches between them.
fn last_layer(graph: &Graph, output: &str) -> Option<String> {
    let mut node = graph.node(output)?;
    while node.op.weight_name().is_none() {
        node = graph.node(node.input()?)?;
    }
    Some(node.name.clone())
}

fn build_entry(entry: &Entry, options: &ZooOptions) -> Result<Graph, ShapeError> {
    let mut builder = GraphBuilder::new(entry.name, options.input, options.classes);
    let logits = (entry.build)(&mut builder, options);
    builder.finish(&logits)
}

/// Side of the smallest square image that the network can be built for, if the one asked for is too small.
fn least(entry: &Entry, options: &ZooOptions, error: &ShapeError) -> Option<usize> {
    if !matches!(error, ShapeError::Node { problem: ShapeProblem::Window { .. }, .. }) {
        return None;
    }
    let [channels, _, published] = entry.input;
    let square = |side: &usize| ZooOptions { input: [channels, *side, *side], ..*options };
    (1..=published).find(|side| build_entry(entry, &square(side)).is_ok())
}

#[cfg(test)]
mod tests;
