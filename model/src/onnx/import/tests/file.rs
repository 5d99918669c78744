//! ONNX files made by hand, node by node.

use prost::Message;

use crate::onnx::export::write::{float, int, ints};
use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_proto::DataType, tensor_shape_proto, type_proto,
};
use crate::tensor::Tensor;

/// A graph with the input `x` and the output `y`.
pub(super) struct File(pub GraphProto);

impl File {
    /// For images of this size; `None` is a free axis.
    pub fn new(input: &[Option<usize>]) -> Self {
        let info = |name: &str, dims: &[Option<usize>]| {
            use tensor_shape_proto::{Dimension, dimension::Value};
            let dim = |dim: &Option<usize>| Dimension {
                value: Some(dim.map_or(Value::DimParam("N".into()), |size| Value::DimValue(size as i64))),
            };
            let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
            let tensor = type_proto::Tensor { elem_type: DataType::Float.into(), shape: Some(shape) };
            let r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) });
            ValueInfoProto { name: name.into(), r#type }
        };
        let (input, output) = (vec![info("x", input)], vec![info("y", &[])]);
        Self(GraphProto { input, output, ..GraphProto::default() })
    }

    /// For images `[N, 4, 8, 8]`.
    pub fn small() -> Self {
        Self::new(&[None, Some(4), Some(8), Some(8)])
    }

    pub fn node(mut self, op: &str, inputs: &[&str], output: &str, attributes: &[AttributeProto]) -> Self {
        self.0.node.push(NodeProto {
            input: inputs.iter().map(|name| (*name).into()).collect(),
            output: output.split(' ').map(Into::into).collect(),
            op_type: op.into(),
            attribute: attributes.to_vec(),
            ..NodeProto::default()
        });
        self
    }

    pub fn floats(mut self, name: &str, dims: &[usize], values: &[f32]) -> Self {
        self.0.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.iter().map(|size| *size as i64).collect(),
            data_type: DataType::Float.into(),
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// Small numbers that follow from the name.
    pub fn random(self, name: &str, dims: &[usize]) -> Self {
        let Tensor { data, .. } = crate::randomise::tensor(name, dims);
        self.floats(name, dims, &data)
    }

    pub fn ints(mut self, name: &str, dims: &[usize], values: &[i64]) -> Self {
        self.0.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.iter().map(|size| *size as i64).collect(),
            data_type: DataType::Int64.into(),
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// A convolution 3×3 from 4 to `out` channels that keeps the size.
    pub fn conv(self, input: &str, output: &str, out: usize) -> Self {
        let weight = format!("{output}.weight");
        let attributes = [ints("pads", [1; 4])];
        self.random(&weight, &[out, 4, 3, 3]).node("Conv", &[input, &weight], output, &attributes)
    }

    /// The mean over H and W of `features` channels, and five logits.
    pub fn classifier(self, input: &str, features: usize) -> Self {
        self.node("GlobalAveragePool", &[input], "pooled", &[])
            .node("Flatten", &["pooled"], "flat", &[])
            .random("fc.weight", &[5, features])
            .node("Gemm", &["flat", "fc.weight"], "y", &[int("transB", 1)])
    }

    pub fn bytes(&self) -> Vec<u8> {
        ModelProto { graph: Some(self.0.clone()), ..ModelProto::default() }.encode_to_vec()
    }
}

/// An attribute of a number.
pub(super) fn number(name: &str, value: f32) -> AttributeProto {
    float(name, value)
}
