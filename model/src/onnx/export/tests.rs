use std::collections::BTreeMap;

use super::*;
use crate::init;
use crate::onnx::{op_counts, proto, read};
use crate::passes::pipeline;
use crate::passes::quantize::{self, Profile};
use crate::zoo::{self, ZooOptions};

use proto::tensor_proto::DataType;

fn network(name: &str) -> Model {
    init::model(zoo::build(name, &ZooOptions::default()).unwrap(), 2)
}

fn deployed(name: &str, quantized: bool) -> Model {
    let model = network(name);
    let model = if quantized { quantize::insert(&model, Profile::OrtVnni).unwrap() } else { model };
    pipeline::deploy(&model).unwrap()
}

fn exported(model: &Model) -> proto::GraphProto {
    read(&export(model).unwrap()).unwrap().graph.unwrap()
}

fn counts(model: &Model) -> BTreeMap<String, usize> {
    op_counts(&read(&export(model).unwrap()).unwrap())
}

/// The values an ONNX graph reads before they are computed.
fn dangling(graph: &proto::GraphProto) -> Vec<String> {
    let mut known: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    known.extend(graph.input.iter().map(|input| input.name.as_str()));
    let mut missing = Vec::new();
    for node in &graph.node {
        missing.extend(node.input.iter().filter(|input| !known.contains(&input.as_str())).cloned());
        known.extend(node.output.iter().map(String::as_str));
    }
    missing
        .extend(graph.output.iter().map(|output| output.name.clone()).filter(|name| !known.contains(&name.as_str())));
    missing
}

#[test]
fn a_float_network_is_one_node_for_each_op() {
    let model = deployed("tiny-cnn", false);
    let expected =
        [("Add", 1), ("Conv", 3), ("Flatten", 1), ("Gemm", 1), ("GlobalAveragePool", 1), ("MaxPool", 1), ("Relu", 3)];
    assert_eq!(counts(&model), expected.map(|(op, count)| (op.to_owned(), count)).into());
    let graph = exported(&model);
    assert_eq!(dangling(&graph), [] as [String; 0]);
    assert_eq!((graph.input[0].name.as_str(), graph.output[0].name.as_str()), ("input", "logits"));
}

#[test]
fn the_batch_is_free_and_the_rest_is_fixed() {
    use proto::{tensor_shape_proto::dimension::Value, type_proto};
    let graph = exported(&deployed("tiny-cnn", false));
    let Some(type_proto::Value::TensorType(tensor)) = graph.input[0].r#type.clone().unwrap().value else {
        panic!("the input is a tensor")
    };
    let dims: Vec<_> = tensor.shape.unwrap().dim.into_iter().map(|dim| dim.value.unwrap()).collect();
    assert_eq!(dims, [Value::DimParam("N".into()), Value::DimValue(3), Value::DimValue(32), Value::DimValue(32)]);
}

#[test]
fn a_quantized_network_holds_integers() {
    let model = deployed("tiny-cnn", true);
    let counts = counts(&model);
    // The image, three units, the Add, the average pool; and again after the max-pool and the flatten.
    assert_eq!(counts["QuantizeLinear"], 6 + 2);
    // As many on the way back, and a weight and a bias for each of four layers.
    assert_eq!(counts["DequantizeLinear"], 8 + 8);
    let graph = exported(&model);
    assert_eq!(dangling(&graph), [] as [String; 0]);
    let tensor = |name: &str| graph.initializer.iter().find(|tensor| tensor.name == name).unwrap();
    let kind = |name: &str| DataType::try_from(tensor(name).data_type).unwrap();
    assert_eq!(kind("conv2.weight.q"), DataType::Int8);
    assert_eq!(kind("conv2.bias.q"), DataType::Int32);
    assert_eq!(kind("conv2.quant.zero_point"), DataType::Uint8);
    assert_eq!(tensor("conv2.weight.q").raw_data.len(), 24 * 8 * 9);
    assert_eq!(tensor("conv2.weight_scale").dims, [24]);
    assert!(!graph.initializer.iter().any(|tensor| tensor.name == "conv2.weight"), "no float copy");
}

#[test]
fn max_pool_repeats_the_quantizer_of_its_input() {
    let graph = exported(&deployed("tiny-cnn", true));
    let quantizers: Vec<_> = graph.node.iter().filter(|node| node.op_type == "QuantizeLinear").collect();
    let after_pool = quantizers.iter().find(|node| node.input[0] == "pool1.x").unwrap();
    assert_eq!(after_pool.input[1..], ["conv1.quant.scale", "conv1.quant.zero_point"]);
}

#[test]
fn an_int8_file_is_less_than_thirty_percent_of_its_float_file() {
    for name in ["small-cnn", "kd-conv4", "kd-conv5", "resnet20-cifar"] {
        let [float, int8] = [false, true].map(|quantized| export(&deployed(name, quantized)).unwrap().len());
        assert!(int8 * 10 < float * 3, "{name}: {int8} of {float} bytes");
    }
}

#[test]
fn equal_models_give_equal_bytes() {
    let model = deployed("resnet20-cifar", true);
    assert_eq!(export(&model).unwrap(), export(&model.clone()).unwrap());
}

#[test]
fn what_would_be_wrong_in_the_file_is_an_error() {
    let unfolded = quantize::insert(&network("tiny-cnn"), Profile::OrtVnni).unwrap();
    let error = export(&unfolded).unwrap_err();
    assert_eq!(error, ExportError::Unfolded { node: "bn1".into() });
    let mut narrow = deployed("tiny-cnn", true);
    let spec = QuantSpec { bits: 4, ..QuantSpec::INT8_WEIGHT };
    narrow.graph.node_mut("conv2").unwrap().op.set_weight_quant(Some(spec));
    assert_eq!(export(&narrow), Err(ExportError::Bits { node: "conv2".into(), bits: 4 }));
    let mut unsound = deployed("tiny-cnn", false);
    unsound.weights.remove("fc.bias");
    assert!(matches!(export(&unsound), Err(ExportError::Verify(_))));
}

#[test]
fn batch_norm_that_stays_is_a_node() {
    let counts = counts(&network("tiny-cnn"));
    assert_eq!(counts["BatchNormalization"], 3);
}

#[test]
fn bytes_that_are_no_onnx_are_an_error() {
    assert!(read(b"not an onnx file at all").is_err());
}
