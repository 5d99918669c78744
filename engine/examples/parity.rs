//! What our executions of a network answer, in full, for `scripts/parity check` to compare with torchvision.
//!
//! `parity network NAME STEP_IMAGES STEP_SIZE FILE` — a network of the zoo with weights drawn from names, at the size that it was
//! published for, and one training step with images of another size;
//! `parity import MODEL.onnx FILE` — a network that was imported, with the weights that came with it.
//!
//! FILE (safetensors) gets the logits of two images as `engine` and `onnx_runtime` compute them, and for networks of the zoo what one
//! training step leaves behind, in f64, as `gradient/…` and `buffer/…`. One JSON line on standard output tells the rest.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use sweep_engine::parity::{Step, Subject, calm};
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Graph, Tensor, cost, onnx, randomise};

/// Images that logits are computed for.
const IMAGES: usize = 2;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = match words[..] {
        ["network", name, images, size, file] => {
            let step = (images.parse().context("STEP_IMAGES")?, size.parse().context("STEP_SIZE")?);
            network(name, step, Path::new(file))?
        }
        ["import", model, file] => import(Path::new(model), Path::new(file))?,
        _ => bail!("usage: parity network NAME STEP_IMAGES STEP_SIZE FILE | parity import MODEL.onnx FILE"),
    };
    println!("{told}");
    Ok(())
}

fn network(name: &str, step: (usize, usize), file: &Path) -> Result<Value> {
    let graph = published(name, None)?;
    let count = cost::count(&graph)?;
    let subject = Subject::randomised(graph, IMAGES);
    let mut arrays = logits(&subject)?;
    drop(subject);
    let (images, size) = step;
    let step = Subject::randomised(calm(published(name, Some(size))?), images).step()?;
    let loss = step.loss;
    arrays.extend(left_behind(step));
    write(file, &arrays)?;
    Ok(json!({ "parameters": count.parameters, "macs": count.macs, "loss": loss }))
}

/// As torchvision has it where published weights are loaded, for images of this size or of the published one.
fn published(name: &str, size: Option<usize>) -> Result<Graph> {
    let entry = zoo::entry(name)?;
    let classes = if entry.input == ZooOptions::default().input { 10 } else { 1000 };
    let input = size.map_or(entry.input, |size| [entry.input[0], size, size]);
    let transform_input = entry.transforms_input;
    Ok(zoo::build(name, &ZooOptions { transform_input, ..ZooOptions::new(input, classes) })?)
}

fn import(model: &Path, file: &Path) -> Result<Value> {
    let bytes = std::fs::read(model).with_context(|| format!("cannot read {}", model.display()))?;
    let model = onnx::import(&bytes, "imported")?;
    let parameters = cost::count(&model.graph)?.parameters;
    let images = randomise::images(IMAGES, model.graph.input);
    write(file, &logits(&Subject { model, images })?)?;
    Ok(json!({ "parameters": parameters }))
}

/// Bytes of an array, with what they are.
struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

type Arrays = BTreeMap<String, Array>;

fn logits(subject: &Subject) -> Result<Arrays> {
    let floats = |tensor: Tensor| {
        let bytes = tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect();
        Array { dtype: Dtype::F32, shape: tensor.shape, bytes }
    };
    let answers = [("engine", subject.lowered()?), ("onnx_runtime", subject.deployed()?)];
    Ok(answers.into_iter().map(|(who, logits)| (who.to_owned(), floats(logits))).collect())
}

fn left_behind(step: Step) -> impl Iterator<Item = (String, Array)> {
    let named = |kind: &'static str| move |(name, values)| (format!("{kind}/{name}"), doubles(values));
    step.gradients.into_iter().map(named("gradient")).chain(step.buffers.into_iter().map(named("buffer")))
}

fn doubles(values: Vec<f64>) -> Array {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Array { dtype: Dtype::F64, shape: vec![values.len()], bytes }
}

fn write(file: &Path, arrays: &Arrays) -> Result<()> {
    let views =
        arrays.iter().map(|(name, array)| Ok((name, TensorView::new(array.dtype, array.shape.clone(), &array.bytes)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(safetensors::serialize_to_file(views, None, file)?)
}
