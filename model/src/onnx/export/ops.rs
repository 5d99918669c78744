//! Each op as ONNX nodes. What ONNX has no operator for is spelt out (`transformer` has the longer ones); the values in between
//! are called `<node>:<what>`, like no node and no tensor.

use super::ExportError;
use super::transformer;
use super::write::{Writer, float, inner, int, ints};
use crate::graph::Node;
use crate::onnx::proto::AttributeProto;
use crate::op::{Conv2d, Op, Pool2d};
use crate::shape::{Shape, Shapes, pooled_side};

/// Writes the nodes that compute `output`; `parameters` are the ONNX names of its tensors, in the op's order.
pub(super) fn emit(
    writer: &mut Writer,
    node: &Node,
    output: &str,
    parameters: Vec<String>,
    shapes: &Shapes,
) -> Result<(), ExportError> {
    let mut inputs: Vec<String> = node.inputs.iter().map(|input| writer.value_name(input)).collect();
    inputs.extend(parameters);
    let shape = &shapes[&node.inputs[0]];
    let (op_type, attributes) = match &node.op {
        Op::Conv2d(conv) => ("Conv", conv_attributes(conv)),
        Op::BatchNorm2d(norm) => ("BatchNormalization", vec![float("epsilon", norm.eps as f32)]),
        Op::ChannelAffine { .. } => {
            affine(writer, node, output, inputs);
            return Ok(());
        }
        Op::InputAffine { scale, shift } => {
            let mut constant = |name: &str, values: &[f64]| {
                let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                writer.floats(&inner(node, name), &[values.len(), 1, 1], &values)
            };
            inputs.extend([constant("scale", scale), constant("shift", shift)]);
            affine(writer, node, output, inputs);
            return Ok(());
        }
        Op::Linear(_) if shape.len() == 2 => {
            transformer::linear(writer, node, output, inputs);
            return Ok(());
        }
        Op::Linear(linear) => {
            debug_assert_eq!(inputs.len(), 2 + usize::from(linear.bias));
            ("Gemm", vec![int("transB", 1)])
        }
        Op::LayerNorm(norm) => ("LayerNormalization", vec![int("axis", -1), float("epsilon", norm.eps as f32)]),
        Op::Relu => ("Relu", vec![]),
        Op::Relu6 => {
            inputs.push(writer.floats("constant:clip.min", &[], &[0.0]));
            inputs.push(writer.floats("constant:clip.max", &[], &[6.0]));
            ("Clip", vec![])
        }
        Op::Sigmoid => ("Sigmoid", vec![]),
        Op::Hardsigmoid => ("HardSigmoid", vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)]),
        Op::Hardswish => ("HardSwish", vec![]),
        Op::Silu => {
            let gate = inner(node, "sigmoid");
            writer.node("Sigmoid", inputs.clone(), &gate, vec![]);
            inputs.push(gate);
            ("Mul", vec![])
        }
        Op::Gelu => {
            transformer::gelu(writer, node, output, &inputs[0]);
            return Ok(());
        }
        Op::MaxPool2d(pool) => ("MaxPool", pool_attributes(pool, shape)),
        Op::AvgPool2d(pool) => ("AveragePool", average_attributes(pool, shape, &node.name)?),
        Op::GlobalAvgPool => ("GlobalAveragePool", vec![]),
        Op::AdaptiveAvgPool2d { output: size } => {
            adaptive_avg_pool(writer, node, output, inputs, *size, shape);
            return Ok(());
        }
        Op::Flatten => ("Flatten", vec![]),
        Op::Dropout { .. } | Op::StochasticDepth { .. } => ("Identity", vec![]),
        Op::Add => ("Add", vec![]),
        Op::Mul => ("Mul", vec![]),
        Op::Concat => ("Concat", vec![int("axis", 1)]),
        Op::Slice { start, end } => {
            inputs.extend(
                [("starts", *start), ("ends", *end), ("axes", 1)]
                    .map(|(name, value)| writer.integers(&inner(node, name), &[1], &[value as i64])),
            );
            ("Slice", vec![])
        }
        Op::ChannelShuffle { groups } => {
            channel_shuffle(writer, node, output, inputs, *groups, shape);
            return Ok(());
        }
        Op::Tokens | Op::ClassToken { .. } | Op::Attention(_) => {
            transformer::emit(writer, node, output, inputs, shape);
            return Ok(());
        }
        Op::PositionEmbedding { .. } => ("Add", vec![]),
        Op::TakeToken { index } => {
            inputs.push(writer.integers(&inner(node, "index"), &[], &[*index as i64]));
            ("Gather", vec![int("axis", 1)])
        }
        Op::Input | Op::FakeQuant(_) => unreachable!("the image and quantizers are written by the caller"),
    };
    writer.node(op_type, inputs, output, attributes);
    Ok(())
}

/// `inputs`: x, factors and summands `[C, 1, 1]`.
fn affine(writer: &mut Writer, node: &Node, output: &str, inputs: Vec<String>) {
    let scaled = inner(node, "scaled");
    writer.node("Mul", inputs[..2].to_vec(), &scaled, vec![]);
    writer.node("Add", vec![scaled, inputs[2].clone()], output, vec![]);
}

fn channel_shuffle(writer: &mut Writer, node: &Node, output: &str, inputs: Vec<String>, groups: usize, shape: &Shape) {
    let [c, h, w] = [0, 1, 2].map(|axis| shape[axis] as i64);
    let groups = groups as i64;
    let [split, turned] = ["split", "turned"].map(|name| inner(node, name));
    let apart = writer.integers(&inner(node, "apart"), &[5], &[0, groups, c / groups, h, w]);
    let joined = writer.integers(&inner(node, "joined"), &[4], &[0, c, h, w]);
    writer.node("Reshape", vec![inputs[0].clone(), apart], &split, vec![]);
    writer.node("Transpose", vec![split], &turned, vec![ints("perm", [0, 2, 1, 3, 4])]);
    writer.node("Reshape", vec![turned, joined], output, vec![]);
}

/// Even windows are ordinary ones. Others are products with a matrix of shares on either side, as the mean over a rectangle is the
/// mean over its rows of the means over its columns.
fn adaptive_avg_pool(
    writer: &mut Writer,
    node: &Node,
    output: &str,
    mut inputs: Vec<String>,
    size: [usize; 2],
    shape: &Shape,
) {
    let image = [shape[1], shape[2]];
    if image == size {
        writer.node("Identity", inputs, output, vec![]);
    } else if (0..2).all(|i| image[i].is_multiple_of(size[i])) {
        let window = [image[0] / size[0], image[1] / size[1]];
        writer.node("AveragePool", inputs, output, vec![ints("kernel_shape", window), ints("strides", window)]);
    } else {
        let rows = writer.floats(&inner(node, "rows"), &[size[0], image[0]], &shares(image[0], size[0], false));
        let columns = writer.floats(&inner(node, "columns"), &[image[1], size[1]], &shares(image[1], size[1], true));
        let pooled = inner(node, "pooled_rows");
        inputs.insert(0, rows);
        writer.node("MatMul", inputs, &pooled, vec![]);
        writer.node("MatMul", vec![pooled, columns], output, vec![]);
    }
}

/// The share of each of `size` cells in each of `windows` means: a matrix `[windows, size]`, or its transpose.
fn shares(size: usize, windows: usize, transposed: bool) -> Vec<f32> {
    let share = |window: usize, cell: usize| {
        let (begin, end) = (window * size / windows, ((window + 1) * size).div_ceil(windows));
        if (begin..end).contains(&cell) { 1.0 / (end - begin) as f32 } else { 0.0 }
    };
    let (outer, inner) = if transposed { (size, windows) } else { (windows, size) };
    let each = (0..outer).flat_map(|i| (0..inner).map(move |j| if transposed { (j, i) } else { (i, j) }));
    each.map(|(window, cell)| share(window, cell)).collect()
}

fn conv_attributes(conv: &Conv2d) -> Vec<AttributeProto> {
    vec![
        ints("dilations", conv.dilation),
        int("group", conv.groups as i64),
        ints("kernel_shape", conv.kernel),
        pads(conv.padding, conv.padding),
        ints("strides", conv.stride),
    ]
}

/// Ceil mode is written as padding at the end, since runtimes disagree about which windows it has.
fn pool_attributes(pool: &Pool2d, shape: &Shape) -> Vec<AttributeProto> {
    let end = |i: usize| {
        let size = shape[i + 1];
        let windows = pooled_side(pool, i, size).unwrap_or(1);
        let reach = (windows - 1) * pool.stride[i] + pool.kernel[i];
        if pool.ceil { reach.saturating_sub(size + pool.padding[i]) } else { pool.padding[i] }
    };
    vec![ints("kernel_shape", pool.kernel), pads(pool.padding, [end(0), end(1)]), ints("strides", pool.stride)]
}

fn average_attributes(pool: &Pool2d, shape: &Shape, node: &str) -> Result<Vec<AttributeProto>, ExportError> {
    if pool.ceil && !pool.exclude_padding && pool.padding != [0, 0] {
        let what = "average pooling in ceil mode with padding that counts".to_owned();
        return Err(ExportError::Unsupported { node: node.into(), what });
    }
    let mut attributes = pool_attributes(pool, shape);
    // What ceil mode adds at the end does not count.
    attributes.push(int("count_include_pad", i64::from(!pool.exclude_padding && !pool.ceil)));
    Ok(attributes)
}

/// ONNX lists the beginnings of all axes, then the ends.
fn pads([top, left]: [usize; 2], [bottom, right]: [usize; 2]) -> AttributeProto {
    ints("pads", [top, left, bottom, right])
}
