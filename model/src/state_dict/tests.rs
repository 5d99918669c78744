//! Files that torch wrote (`scripts/state_dict_fixtures.py`), and what is left of them when they are damaged.

use std::io::{Cursor, Write};

use ::safetensors::{Dtype, tensor::TensorView};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

const ZIP: &[u8] = include_bytes!("../../fixtures/state_dict/zip.pth");
const PROTOCOL5: &[u8] = include_bytes!("../../fixtures/state_dict/zip_protocol5.pth");
const LEGACY: &[u8] = include_bytes!("../../fixtures/state_dict/legacy.pth");
const PARAMETERS: &[u8] = include_bytes!("../../fixtures/state_dict/parameters.pth");
const CHECKPOINT: &[u8] = include_bytes!("../../fixtures/state_dict/checkpoint.pth");
const WHOLE_MODULE: &[u8] = include_bytes!("../../fixtures/state_dict/whole_module.pth");

/// What `tensors()` of the script makes.
fn expected() -> Vec<(&'static str, Vec<usize>, Vec<f32>)> {
    let counting = |from: u8, to: u8| (from..to).map(f32::from).collect::<Vec<_>>();
    vec![
        ("brain", vec![3], vec![1.5, -0.25, 3.004_055_3e38]),
        ("conv.bias", vec![4], counting(2, 6)),
        ("conv.weight", vec![4, 3, 1, 1], counting(0, 12).iter().map(|x| x * 0.5 - 1.0).collect()),
        ("double", vec![2], vec![0.5, 1e-3]),
        ("empty", vec![0, 3], vec![]),
        ("half", vec![3], vec![1.5, -0.25, 65504.0]),
        ("shared", vec![10], counting(0, 10)),
        ("transposed", vec![3, 2], vec![0., 3., 1., 4., 2., 5.]),
    ]
}

/// The floats of a file; integers are left out.
fn floats(file: &StateDict) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let tensors = file.iter().filter_map(|(name, array)| Some((name.to_owned(), array.to_tensor()?)));
    tensors.map(|(name, tensor)| (name, tensor.shape, tensor.data)).collect()
}

fn message(bytes: &[u8]) -> String {
    read(bytes).expect_err("the file is wrong").to_string()
}

#[test]
fn every_form_of_torch_save_gives_the_same_tensors() {
    for (form, bytes) in [("zip", ZIP), ("protocol 5", PROTOCOL5), ("legacy", LEGACY), ("parameters", PARAMETERS)] {
        let file = read(bytes).unwrap_or_else(|error| panic!("{form}: {error}"));
        let expected: Vec<_> =
            expected().into_iter().map(|(name, shape, data)| (name.to_owned(), shape, data)).collect();
        assert_eq!(floats(&file), expected, "{form}");
        assert_eq!(file.get("norm.num_batches_tracked").unwrap().element(), Element::I64, "{form}");
        assert_eq!(file.wrapper(), None);
    }
}

#[test]
fn the_state_dict_in_a_training_checkpoint_is_found() {
    let file = read(CHECKPOINT).unwrap();
    assert_eq!(file.wrapper(), Some("model"));
    assert_eq!(file.len(), expected().len() + 1);
    assert_eq!(file.get("module.conv.bias").unwrap().to_tensor().unwrap().data, [2., 3., 4., 5.]);
}

#[test]
fn a_whole_module_is_refused_by_the_name_of_its_class() {
    let message = message(WHOLE_MODULE);
    assert!(message.contains("names torch.nn.modules.linear.Linear"), "{message}");
    assert!(message.contains("torch.save(model.state_dict()"), "{message}");
}

#[test]
fn files_of_another_kind_are_told_for_what_they_are() {
    let tar = [&[b'x'; 257][..], b"ustar", &[0; 300]].concat();
    let cases: [(&[u8], &str); 7] = [
        (b"", "empty"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"GGUF\0\0\0\0\0\0\0", "neither"),
        (&tar, "tar archive"),
        (b"\x80\x02}q\x00.", "not one of torch.save"),
    ];
    for (bytes, words) in cases {
        let message = message(bytes);
        assert!(message.contains(words), "{message}");
    }
}

/// An archive like torch's: a name, and a content.
fn archive(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn archives_that_torch_did_not_write_are_told_apart() {
    let stored = |entries: &[(&str, &[u8])]| message(&archive(entries, CompressionMethod::Stored));
    assert!(stored(&[("weights/a.npy", b"x")]).contains("no data.pkl"));
    assert!(stored(&[("m/data.pkl", b"\x80\x02}."), ("m/constants.pkl", b"x")]).contains("TorchScript"));
    assert!(stored(&[("m/data.pkl", b"\x80\x02}."), ("m/byteorder", b"big")]).contains("big-endian"));
    assert!(stored(&[("m/data.pkl", b"\x80\x02]q\x00.")]).contains("a list, not a state dict"));
    assert!(stored(&[("m/data.pkl", b"\x80\x02}X\x05\x00\x00\x00epochK\x03s.")]).contains("keys: \"epoch\""));
}

#[test]
fn a_damaged_number_is_noticed_by_its_checksum() {
    let mut bytes = ZIP.to_vec();
    let weights: Vec<u8> = [-1.0f32, -0.5, 0.0, 0.5].into_iter().flat_map(f32::to_le_bytes).collect();
    let at = bytes.windows(weights.len()).position(|window| window == weights).unwrap();
    bytes[at] ^= 1;
    assert!(message(&bytes).contains("checksum"), "{}", message(&bytes));
}

#[test]
fn no_beginning_of_a_file_is_taken_for_the_whole() {
    for (form, bytes) in [("zip", ZIP), ("legacy", LEGACY), ("safetensors", &safetensors_file()[..])] {
        for length in 0..bytes.len() {
            let result = read(&bytes[..length]);
            assert!(result.is_err(), "{form}: {length} of {} bytes passed", bytes.len());
        }
    }
    assert!(message(&LEGACY[..LEGACY.len() - 1]).contains("truncated"), "{}", message(&LEGACY[..LEGACY.len() - 1]));
    assert!(message(&ZIP[..ZIP.len() / 2]).contains("downloaded whole"));
}

fn safetensors_file() -> Vec<u8> {
    let le = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let tensors = [
        ("a", Dtype::F32, vec![2, 2], le(&[1., 2., 3., 4.])),
        ("b", Dtype::F16, vec![2], [half::f16::from_f32(0.5), half::f16::ONE].map(half::f16::to_le_bytes).concat()),
        ("c", Dtype::BF16, vec![1], half::bf16::from_f32(-2.0).to_le_bytes().to_vec()),
        ("d", Dtype::F64, vec![1], 0.25f64.to_le_bytes().to_vec()),
        ("n.num_batches_tracked", Dtype::I64, vec![], 9i64.to_le_bytes().to_vec()),
    ];
    let views =
        tensors.iter().map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    ::safetensors::serialize(views, None).unwrap()
}

#[test]
fn safetensors_of_every_float_are_read() {
    let bytes = safetensors_file();
    let file = read(&bytes).unwrap();
    let values: Vec<_> = floats(&file).into_iter().map(|(name, _, data)| (name, data)).collect();
    let expected = [("a", vec![1., 2., 3., 4.]), ("b", vec![0.5, 1.0]), ("c", vec![-2.0]), ("d", vec![0.25])];
    assert_eq!(values, expected.map(|(name, data)| (name.to_owned(), data)));
    assert_eq!(file.get("n.num_batches_tracked").unwrap().element(), Element::I64);
}

#[test]
fn safetensors_that_claim_what_is_not_there_are_refused() {
    let file = |header: &str, data: &[u8]| {
        let length = (header.len() as u64).to_le_bytes();
        message(&[&length[..], header.as_bytes(), data].concat())
    };
    let huge = r#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}"#;
    assert!(file(huge, &[0; 4]).contains("damaged"));
    let short = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    assert!(file(short, &[0; 4]).contains("truncated"));
    let quarter = r#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#;
    assert!(file(quarter, &[0; 4]).contains("F8_E4M3"));
    let mut claimed = (1u64 << 60).to_le_bytes().to_vec();
    claimed.extend(b"{}");
    assert!(message(&claimed).contains("damaged"));
}
