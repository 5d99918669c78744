//! Quantizers as QuantizeLinear and DequantizeLinear.
//!
//! The value that a quantizer `q` defines is called `q`; the integers behind it are `q.q`. Zero points of weights are zeros
//! that all layers of one width share.

use super::ExportError;
use super::write::{Writer, int};
use crate::graph::Node;
use crate::model::Model;
use crate::onnx::proto::tensor_proto::DataType;
use crate::op::QuantSpec;
use crate::passes::quantize;

/// A `FakeQuant` node: rounds its input to 8-bit integers and back.
pub(super) fn activation(writer: &mut Writer, model: &Model, node: &Node, spec: &QuantSpec) -> Result<(), ExportError> {
    let scale = model.weights.param(&node.name, "scale")?.data[0];
    let zero_point = model.weights.param(&node.name, "zero_point")?.data[0] as i32;
    let (kind, byte) =
        if spec.signed { (DataType::Int8, zero_point as i8 as u8) } else { (DataType::Uint8, zero_point as u8) };
    writer.floats(&format!("{}.scale", node.name), &[], &[scale]);
    writer.constant(&format!("{}.zero_point", node.name), kind, &[], vec![byte]);
    let input = node.input().map(|input| writer.value_name(input)).unwrap_or_default();
    requantize(writer, &node.name, &node.name, &input);
    Ok(())
}

/// Rounds `x` with the quantizer `grid` to the integers `<value>.q` and back to the float `value`.
pub(super) fn requantize(writer: &mut Writer, grid: &str, value: &str, x: &str) {
    let quantizer = [format!("{grid}.scale"), format!("{grid}.zero_point")];
    let with = |first: String| std::iter::once(first).chain(quantizer.clone()).collect();
    let integers = format!("{value}.q");
    let output = writer.value_name(value);
    writer.node("QuantizeLinear", with(x.into()), &integers, vec![]);
    writer.node("DequantizeLinear", with(integers.clone()), &output, vec![]);
}

/// The integer weights and bias of a node and what makes them float again; returns the names of the floats.
pub(super) fn weights(writer: &mut Writer, model: &Model, node: &Node) -> Result<Vec<String>, ExportError> {
    let layer = quantize::integer_layer(model, node)?;
    let scales = layer.weight_scale.len();
    let dims: &[usize] = if scales == layer.shape[0] { &[scales] } else { &[] };
    let bytes = layer.weight.iter().map(|q| *q as u8).collect();
    let weight = node.param_name("weight");
    let inputs = vec![
        writer.constant(&format!("{weight}.q"), DataType::Int8, &layer.shape, bytes),
        writer.floats(&node.param_name("weight_scale"), dims, &layer.weight_scale),
        writer.constant(&format!("constant:zeros.{scales}"), DataType::Int8, dims, vec![0; scales]),
    ];
    writer.node("DequantizeLinear", inputs, &weight, vec![int("axis", 0)]);
    let mut names = vec![weight];
    let bias = node.param_name("bias");
    if let Some(integers) = &layer.bias {
        let bytes = integers.iter().flat_map(|q| q.to_le_bytes()).collect();
        let inputs = vec![
            writer.constant(&format!("{bias}.q"), DataType::Int32, &[integers.len()], bytes),
            writer.floats(&format!("{bias}_scale"), dims, &layer.bias_scale),
        ];
        writer.node("DequantizeLinear", inputs, &bias, vec![int("axis", 0)]);
        names.push(bias);
    } else if let Ok(float) = model.weights.get(&bias) {
        names.push(writer.floats(&bias, &float.shape, &float.data));
    }
    Ok(names)
}
