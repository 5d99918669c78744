//! Collecting the nodes and initialisers of an ONNX graph.

use std::collections::HashSet;

use super::{ExportError, INPUT_NAME, IR_VERSION, OPSET, OUTPUT_NAME};
use crate::graph::{Graph, Node};
use crate::model::Model;
use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto::AttributeType, tensor_proto::DataType, tensor_shape_proto, type_proto,
};
use crate::op::Op;
use crate::tensor::Tensor;

/// An ONNX graph in the making. Values keep their node's name, except for the output, which becomes `logits`.
pub(super) struct Writer {
    output: String,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    written: HashSet<String>,
}

impl Writer {
    pub(super) fn new(graph: &Graph) -> Self {
        Self { output: graph.output.clone(), nodes: Vec::new(), initializers: Vec::new(), written: HashSet::new() }
    }

    /// The ONNX name of a node's value.
    pub(super) fn value_name(&self, node: &str) -> String {
        match node {
            _ if node == self.output => OUTPUT_NAME.into(),
            // Somebody else's network may have a node of that name in its midst.
            OUTPUT_NAME => format!("{node}:value"),
            _ => node.into(),
        }
    }

    /// Adds a node that computes `output`, and is named after it.
    pub(super) fn node(&mut self, op_type: &str, inputs: Vec<String>, output: &str, attributes: Vec<AttributeProto>) {
        self.nodes.push(NodeProto {
            input: inputs,
            output: vec![output.into()],
            name: output.into(),
            op_type: op_type.into(),
            domain: String::new(),
            attribute: attributes,
            metadata_props: Vec::new(),
        });
    }

    /// Adds a constant, once per name, and returns its name.
    pub(super) fn constant(&mut self, name: &str, kind: DataType, dims: &[usize], bytes: Vec<u8>) -> String {
        if self.written.insert(name.to_owned()) {
            self.initializers.push(TensorProto {
                dims: dims.iter().map(|dim| *dim as i64).collect(),
                data_type: kind.into(),
                name: name.into(),
                raw_data: bytes,
                ..TensorProto::default()
            });
        }
        name.into()
    }

    /// Adds float constants.
    pub(super) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DataType::Float, dims, bytes)
    }

    /// Adds constants that say sizes and places.
    pub(super) fn integers(&mut self, name: &str, dims: &[usize], values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DataType::Int64, dims, bytes)
    }

    pub(super) fn finish(self, graph: &Graph) -> ModelProto {
        let image = graph.input.map(|dim| dim as i64);
        ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "sweep".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(GraphProto {
                node: self.nodes,
                name: graph.name.clone(),
                initializer: self.initializers,
                input: vec![value_info(INPUT_NAME, &image)],
                output: vec![value_info(OUTPUT_NAME, &[graph.classes as i64])],
                value_info: Vec::new(),
            }),
            ..ModelProto::default()
        }
    }
}

/// Adds a node's tensors as float constants; returns their names in the op's order. A tensor that bears its node's name alone
/// gives way to the node's value.
pub(super) fn float_weights(writer: &mut Writer, model: &Model, node: &Node) -> Result<Vec<String>, ExportError> {
    let mut names = Vec::new();
    for (mut name, param) in node.params() {
        let Tensor { shape, data } = model.weights.get(&name)?;
        if param.name.is_empty() {
            name.push_str(".parameter");
        }
        // One number for each plane.
        let planes = [data.len(), 1, 1];
        let dims = if matches!(node.op, Op::ChannelAffine { .. }) { &planes[..] } else { shape };
        names.push(writer.floats(&name, dims, data));
    }
    Ok(names)
}

/// A float value `[N, dims…]`.
fn value_info(name: &str, dims: &[i64]) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let batch = Dimension { value: Some(Value::DimParam("N".into())) };
    let rest = dims.iter().map(|dim| Dimension { value: Some(Value::DimValue(*dim)) });
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(rest).collect() };
    let tensor = type_proto::Tensor { elem_type: DataType::Float.into(), shape: Some(shape) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)) };
    ValueInfoProto { name: name.into(), r#type: Some(r#type) }
}

/// Name of a value or constant on the way to a node's own: with a colon, which names of nodes and tensors do not have.
pub(super) fn inner(node: &Node, what: &str) -> String {
    format!("{}:{what}", node.name)
}

pub(in crate::onnx) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int.into(), i: value, ..AttributeProto::default() }
}

pub(in crate::onnx) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Float.into(), f: value, ..AttributeProto::default() }
}

pub(in crate::onnx) fn ints(name: &str, values: impl IntoIterator<Item = usize>) -> AttributeProto {
    let ints = values.into_iter().map(|value| value as i64).collect();
    AttributeProto { name: name.into(), r#type: AttributeType::Ints.into(), ints, ..AttributeProto::default() }
}
