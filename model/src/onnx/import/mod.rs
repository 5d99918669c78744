//! ONNX files of other programs: a classifier that PyTorch exported becomes a network that trains, prunes, quantizes, and is
//! exported again.
//!
//! The nodes are read in order. What does not depend on the images is computed at once (`array` holds constants, `fold` computes
//! them): exporters leave the arithmetic on shapes in the file, in which a free batch is a number of its own ([`BATCH`]). Every
//! other value is a node of the draft network (`draft`) seen through a `view`, which follows reshaping and permuting symbolically.
//! `layers`, `window`, `pointwise`, `axes` and `attention` read one family of operators each, with typed access to the node
//! (`call`); `patterns` knows the activations that exporters spell with several operators. `finish` leaves out what nobody reads
//! and makes the model, whose nodes get PyTorch's names back where the file lets them be known (`names`).

mod array;
mod attention;
mod axes;
mod call;
mod draft;
mod error;
mod finish;
mod fold;
mod layers;
mod names;
mod patterns;
mod pointwise;
mod view;
mod window;

pub use error::{ImportError, Problem, TensorProblem};

use std::collections::HashMap;
use std::rc::Rc;

use array::Array;
use call::{Call, Value};
use draft::{Drafts, Step};

use super::proto::{GraphProto, NodeProto, ValueInfoProto, tensor_shape_proto, type_proto};
use crate::model::Model;

/// Elements that no tensor and no value of one image exceeds.
const MAX_ELEMENTS: usize = 1 << 36;
/// Nodes that no classifier exceeds.
const MAX_NODES: usize = 100_000;
/// Largest fixed batch.
const MAX_BATCH: usize = 1 << 16;
/// Stands for the free batch in shape arithmetic: a prime, which no size of a network is a multiple of.
const BATCH: usize = 1_000_003;

/// Reads a classifier that was exported by PyTorch (either exporter) or by a program like it; `name` becomes the graph's name.
///
/// The file has one float input `[N, C, H, W]` with fixed C, H and W, and one output, the logits `[N, classes]`; N may be free
/// or fixed, and is free afterwards. A softmax behind the logits is left out: training and evaluation work on logits, and the
/// prediction is the same. Weights are stored in the file itself, as floats of 16, 32 or 64 bits. Batch norms that the exporter
/// folded stay folded. A parameter that several nodes share becomes one of each.
///
/// Everything that cannot be imported is an error that names the operator, the node, the reason and the remedy. Memory is
/// bounded by a small multiple of the file's size.
pub fn import(bytes: &[u8], name: &str) -> Result<Model, ImportError> {
    let file = super::read(bytes).map_err(|error| ImportError::NotOnnx(error.to_string()))?;
    let mut graph = file.graph.ok_or_else(|| ImportError::NotOnnx("it holds no graph".into()))?;
    if graph.node.len() > MAX_NODES {
        return Err(ImportError::NotOnnx(format!(
            "its graph has {} nodes, and networks have fewer than {MAX_NODES}",
            graph.node.len()
        )));
    }
    let mut values = HashMap::new();
    let mut stored = 0;
    for tensor in std::mem::take(&mut graph.initializer) {
        let array = Array::decode(tensor)?;
        stored += array.data.len();
        values.insert(array.name.clone(), Value::Constant(Rc::new(array)));
    }
    let (input, image, batch) = image(&graph, &values)?;
    let mut drafts = Drafts::new(image, batch, stored);
    values.insert(input, Value::Traced(drafts.value(0)));
    for node in &graph.node {
        translate(&mut drafts, &mut values, node).map_err(|problem| ImportError::Node {
            op: node.op_type.clone(),
            node: if node.name.is_empty() {
                node.output.first().cloned().unwrap_or_default()
            } else {
                node.name.clone()
            },
            problem,
        })?;
    }
    let output = output(&mut drafts, &values, &graph)?;
    drop(values);
    finish::model(drafts, output, name)
}

/// The only input that is no stored tensor: its name, shape and batch.
fn image(graph: &GraphProto, values: &HashMap<String, Value>) -> Result<(String, [usize; 3], usize), ImportError> {
    let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(|input| !values.contains_key(&input.name)).collect();
    let [input] = inputs[..] else {
        return Err(ImportError::Input { found: format!("the file has {} inputs", inputs.len()) });
    };
    let dims = dims(input);
    let bad = || {
        let shown = dims.iter().map(|dim| dim.map_or("?".to_owned(), |size| size.to_string())).collect::<Vec<_>>();
        ImportError::Input { found: format!("the input {:?} has shape [{}]", input.name, shown.join(", ")) }
    };
    let [batch, channels, height, width] = dims[..] else { return Err(bad()) };
    let size = |dim: Option<usize>| dim.filter(|size| (1..=1 << 16).contains(size)).ok_or_else(bad);
    let image = [size(channels)?, size(height)?, size(width)?];
    let elements = image.iter().product::<usize>();
    let batch = batch.unwrap_or(BATCH);
    if elements > MAX_ELEMENTS || !(batch == BATCH || (1..=MAX_BATCH).contains(&batch)) {
        return Err(bad());
    }
    Ok((input.name.clone(), image, batch))
}

/// The sizes of a declared value, with `None` for what is free.
fn dims(value: &ValueInfoProto) -> Vec<Option<usize>> {
    use tensor_shape_proto::dimension::Value;
    let tensor = value.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = tensor else { return Vec::new() };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
    dims.map(|dim| match dim.value {
        Some(Value::DimValue(size)) => usize::try_from(size).ok().filter(|size| *size > 0),
        _ => None,
    })
    .collect()
}

/// The draft's node behind the file's only output.
fn output(drafts: &mut Drafts, values: &HashMap<String, Value>, graph: &GraphProto) -> Result<usize, ImportError> {
    let [output] = &graph.output[..] else {
        return Err(ImportError::Output { found: format!("the file has {} outputs", graph.output.len()) });
    };
    let Some(Value::Traced(value)) = values.get(&output.name) else {
        return Err(ImportError::Output {
            found: format!("the output {:?} is not computed from the images", output.name),
        });
    };
    drafts.plain(value, "logits").map_err(|problem| ImportError::Output {
        found: format!("the output {:?} cannot be read: {problem}", output.name),
    })
}

/// Reads one node: its outputs are constants, or values of the draft.
fn translate(drafts: &mut Drafts, values: &mut HashMap<String, Value>, node: &NodeProto) -> Result<(), Problem> {
    let lookup = |name: &String| match values.get(name) {
        _ if name.is_empty() => Ok(None),
        Some(value) => Ok(Some(value.clone())),
        None => Err(Problem::UnknownValue(name.clone())),
    };
    let inputs = node.input.iter().map(lookup).collect::<Result<Vec<_>, _>>()?;
    let outputs = outputs(drafts, &Call { node, inputs })?;
    for (name, value) in node.output.iter().zip(outputs) {
        values.insert(name.clone(), value);
    }
    Ok(())
}

fn outputs(drafts: &mut Drafts, call: &Call) -> Result<Vec<Value>, Problem> {
    let op = call.node.op_type.as_str();
    if !matches!(call.node.domain.as_str(), "" | "ai.onnx") {
        return Err(Problem::unknown(op, &call.node.domain));
    }
    if op == "Expand"
        && let Some(token) = axes::expand(drafts, call)?
    {
        return Ok(vec![token]);
    }
    if op == "Identity" {
        return Ok(vec![call.input(0)?.clone()]);
    }
    if let Some(array) = fold::evaluate(call)? {
        drafts.spend(array.data.len())?;
        return Ok(vec![Value::Constant(Rc::new(array))]);
    }
    if op == "Split" {
        return axes::split(drafts, call);
    }
    value(drafts, call, op).map(|value| vec![value])
}

/// The first output of a node that depends on the images.
fn value(drafts: &mut Drafts, call: &Call, op: &str) -> Result<Value, Problem> {
    if let Some(op) = pointwise::activation(op) {
        return pointwise::elementwise(drafts, call, Step::Op(op));
    }
    match op {
        "Dropout" | "CastLike" => Ok(call.input(0)?.clone()),
        "Cast" if call.int("to").is_some_and(is_float) => Ok(call.input(0)?.clone()),
        "Cast" => Err(Problem::attribute("to", call.int("to"), "types of floats")),
        "Conv" => layers::conv(drafts, call),
        "BatchNormalization" => layers::batch_norm(drafts, call),
        "LayerNormalization" => layers::layer_norm(drafts, call),
        "Gemm" => layers::gemm(drafts, call),
        "MatMul" if matches!(call.input(1)?, Value::Constant(_)) => layers::matmul(drafts, call),
        "MatMul" => attention::matmul(drafts, call),
        "Softmax" | "LogSoftmax" => attention::softmax(drafts, call),
        "MaxPool" | "AveragePool" => window::pool(drafts, call),
        "GlobalAveragePool" => window::global_average(drafts, call),
        "ReduceMean" => window::reduce_mean(drafts, call),
        "Pad" => window::pad(call),
        "HardSigmoid" => pointwise::hard_sigmoid(drafts, call),
        "Gelu" => pointwise::gelu(drafts, call),
        "Erf" => pointwise::elementwise(drafts, call, Step::Erf),
        "Clip" => pointwise::clip(drafts, call),
        "Add" | "Sub" => pointwise::add(drafts, call),
        "Mul" | "Div" => pointwise::multiply(drafts, call),
        "Shape" => axes::shape(call),
        "Reshape" => axes::reshape(call),
        "Flatten" => axes::flatten(call),
        "Squeeze" => axes::squeeze(call),
        "Unsqueeze" => axes::unsqueeze(call),
        "Transpose" => axes::transpose(call),
        "Slice" => axes::slice(drafts, call),
        "Gather" => axes::gather(drafts, call),
        "Concat" => axes::concat(drafts, call),
        _ => Err(Problem::unknown(op, &call.node.domain)),
    }
}

/// FLOAT, FLOAT16, DOUBLE, BFLOAT16: all are f32 here.
fn is_float(kind: i64) -> bool {
    matches!(kind, 1 | 10 | 11 | 16)
}

#[cfg(test)]
mod tests;
