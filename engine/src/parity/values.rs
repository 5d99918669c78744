//! The value of every node, from each of our two executions.

use std::collections::BTreeMap;

use prost::Message as _;
use sweep_model::onnx::{self, OUTPUT_NAME, proto};
use sweep_model::passes::pipeline;
use sweep_model::{Graph, Tensor as Array};
use tch::{Device, TchError, Tensor};

use super::subject::{Subject, THREADS};
use crate::error::{Error, Result};
use crate::lower::{Hook, Mode, Net, to_model_tensor, to_torch};
use crate::runtime::Session;

/// By node.
pub type Values = BTreeMap<String, Array>;

/// What the engine computes at each node in evaluation.
pub fn lowered_values(subject: &Subject) -> Result<Values> {
    let net = Net::new(&subject.model, Device::Cpu)?;
    let images = to_torch(&subject.images, Device::Cpu)?;
    let mut record = Record::default();
    let _ = tch::no_grad(|| net.forward_with(&images, Mode::Eval, &mut record))?;
    Ok(record.0)
}

/// The deployed graph, and what ONNX Runtime computes at each of its nodes.
pub fn deployed_values(subject: &Subject) -> Result<(Graph, Values)> {
    let deployed = pipeline::deploy(&subject.model).map_err(Error::stage("preparing the network for its export"))?;
    let file = onnx::export(&deployed).map_err(Error::stage("exporting the network"))?;
    let file = every_value(&file, &deployed.graph).map_err(Error::stage("reading the exported file"))?;
    let mut session = Session::of_bytes(&file, THREADS).map_err(Error::stage("opening the exported file"))?;
    let mut values = session.run_all(&subject.images.data).map_err(Error::stage("running the exported file"))?;
    if let Some(logits) = values.remove(OUTPUT_NAME) {
        values.insert(deployed.graph.output.clone(), logits);
    }
    Ok((deployed.graph, values))
}

/// The exported file of `graph` with the value of each node as a further output.
pub fn every_value(file: &[u8], graph: &Graph) -> std::result::Result<Vec<u8>, prost::DecodeError> {
    let mut model = onnx::read(file)?;
    if let Some(file) = &mut model.graph {
        let computed: Vec<&str> = file.node.iter().flat_map(|node| &node.output).map(String::as_str).collect();
        let of_nodes = computed.iter().filter(|name| graph.node(name).is_some()).map(|name| output(name));
        let outputs: Vec<_> = of_nodes.collect();
        file.output.extend(outputs);
    }
    Ok(model.encode_to_vec())
}

/// A float value of any shape.
fn output(name: &str) -> proto::ValueInfoProto {
    let float = proto::tensor_proto::DataType::Float as i32;
    let tensor = proto::type_proto::Tensor { elem_type: float, shape: None };
    let value = proto::type_proto::Value::TensorType(tensor);
    proto::ValueInfoProto { name: name.into(), r#type: Some(proto::TypeProto { value: Some(value) }) }
}

#[derive(Default)]
struct Record(Values);

impl Hook for Record {
    fn fake_quant(&mut self, _: &str, _: &Tensor) -> std::result::Result<Option<(f64, i64)>, TchError> {
        Ok(None)
    }

    fn output(&mut self, node: &str, value: &Tensor) -> std::result::Result<(), TchError> {
        self.0.insert(node.to_owned(), to_model_tensor(value)?);
        Ok(())
    }

    fn wants_outputs(&self) -> bool {
        true
    }
}
