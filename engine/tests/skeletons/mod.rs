//! ONNX files as PyTorch wrote them, with weights that follow from the tensors' names.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use prost::Message;
use sweep_model::onnx::{self, proto::tensor_proto::DataType};
use sweep_model::randomise;

/// torch.onnx.export with `dynamo=False` and with `dynamo=True`.
pub const EXPORTERS: [&str; 2] = ["torchscript", "dynamo"];

/// The skeleton of that name (`dynamo/resnet18`).
fn skeleton(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/skeletons.gz");
    let mut entries = GzDecoder::new(std::fs::File::open(path).unwrap());
    loop {
        let found = part(&mut entries);
        let file = part(&mut entries);
        if found == name.as_bytes() {
            return file;
        }
    }
}

/// Bytes behind their length.
fn part(entries: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    entries.read_exact(&mut length).expect("the file has an entry of that name");
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    entries.read_exact(&mut bytes).unwrap();
    bytes
}

/// What biases are multiplied by.
fn damping(name: &str) -> f32 {
    // Folded batch norms do not bring small signals back to one, and 16 gates halve EfficientNet's, until only biases are left.
    if name.ends_with("efficientnet_b0") { 0.2 } else { 1.0 }
}

/// The ONNX file with numbers for every float tensor whose payload was left out.
pub fn filled(name: &str) -> Vec<u8> {
    let mut model = onnx::read(&skeleton(name)).unwrap();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        let shape: Vec<usize> = tensor.dims.iter().map(|size| *size as usize).collect();
        let empty = tensor.raw_data.is_empty() && tensor.float_data.is_empty();
        if empty && tensor.data_type == i32::from(DataType::Float) && shape.iter().product::<usize>() > 1 {
            let factor = if shape.len() == 1 { damping(name) } else { 1.0 };
            let numbers = randomise::tensor(&tensor.name, &shape).data;
            tensor.raw_data = numbers.iter().flat_map(|number| (number * factor).to_le_bytes()).collect();
        }
    }
    model.encode_to_vec()
}
