//! Each op as an ONNX node.

use super::proto::AttributeProto;
use super::write::{Writer, float, int, ints};
use crate::graph::Node;
use crate::op::{Conv2d, Op, Pool2d};

/// Writes the node that computes `output`; `parameters` are the ONNX names of its tensors, in the op's order.
pub(super) fn emit(writer: &mut Writer, node: &Node, output: &str, parameters: Vec<String>) {
    let mut inputs: Vec<String> = node.inputs.iter().map(|input| writer.value_name(input)).collect();
    inputs.extend(parameters);
    let (op_type, attributes) = match &node.op {
        Op::Conv2d(conv) => ("Conv", conv_attributes(conv)),
        Op::BatchNorm2d(norm) => ("BatchNormalization", vec![float("epsilon", norm.eps as f32)]),
        Op::Linear(_) => ("Gemm", vec![int("transB", 1)]),
        Op::Relu => ("Relu", vec![]),
        Op::Relu6 => {
            inputs.push(writer.floats("clip.min", &[], &[0.0]));
            inputs.push(writer.floats("clip.max", &[], &[6.0]));
            ("Clip", vec![])
        }
        Op::MaxPool2d(pool) => ("MaxPool", pool_attributes(pool)),
        Op::AvgPool2d(pool) => {
            let mut attributes = pool_attributes(pool);
            attributes.push(int("count_include_pad", 1));
            ("AveragePool", attributes)
        }
        Op::GlobalAvgPool => ("GlobalAveragePool", vec![]),
        Op::Flatten => ("Flatten", vec![]),
        Op::Dropout { .. } => ("Identity", vec![]),
        Op::Add => ("Add", vec![]),
        Op::Concat => ("Concat", vec![int("axis", 1)]),
        Op::Input | Op::FakeQuant(_) => unreachable!("the image and quantizers are written by the caller"),
    };
    writer.node(op_type, inputs, output, attributes);
}

fn conv_attributes(conv: &Conv2d) -> Vec<AttributeProto> {
    vec![
        ints("dilations", conv.dilation),
        int("group", conv.groups as i64),
        ints("kernel_shape", conv.kernel),
        pads(conv.padding),
        ints("strides", conv.stride),
    ]
}

fn pool_attributes(pool: &Pool2d) -> Vec<AttributeProto> {
    vec![ints("kernel_shape", pool.kernel), pads(pool.padding), ints("strides", pool.stride)]
}

/// ONNX lists the beginnings of all axes, then the ends.
fn pads([h, w]: [usize; 2]) -> AttributeProto {
    ints("pads", [h, w, h, w])
}
