//! Weights in files of their own beside an ONNX file ("external data" of the specification): what PyTorch's newer exporter writes
//! unless it is told otherwise. The network travels as one file, so they are put back into it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use prost::Message;

use super::proto::{GraphProto, ModelProto, TensorProto, tensor_proto::DataLocation};

/// Why the files cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExternalError {
    /// Not an ONNX file.
    #[error("it is not an ONNX file: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A place outside the file's own folder.
    #[error("tensor {tensor:?} lies in {location:?}, which is no file in the folder of the ONNX file or below")]
    Location {
        /// The tensor.
        tensor: String,
        /// What the file says.
        location: String,
    },
    /// The file was not handed over.
    #[error("tensor {tensor:?} lies in the file {location:?}, which is not there")]
    Missing {
        /// The tensor.
        tensor: String,
        /// The file.
        location: String,
    },
    /// The place is not in the file.
    #[error(
        "tensor {tensor:?} lies in {location:?} at {place}, but that file has {size} bytes: is it of another export?"
    )]
    Place {
        /// The tensor.
        tensor: String,
        /// The file.
        location: String,
        /// Offset and length, as the file says them.
        place: String,
        /// Bytes that there are.
        size: usize,
    },
}

/// The files beside an ONNX file in which some of its tensors lie, relative to its folder. None if it is whole.
pub fn external_files(bytes: &[u8]) -> Result<BTreeSet<String>, ExternalError> {
    let mut model = ModelProto::decode(bytes)?;
    let mut files = BTreeSet::new();
    for tensor in tensors(&mut model) {
        if let Some(location) = location(tensor) {
            let inside = Path::new(&location).components().all(|part| matches!(part, Component::Normal(_)));
            if location.is_empty() || !inside {
                return Err(ExternalError::Location { tensor: tensor.name.clone(), location });
            }
            files.insert(location);
        }
    }
    Ok(files)
}

/// The ONNX file with all its tensors in it. `files` holds the contents of [`external_files`].
pub fn with_external(bytes: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, ExternalError> {
    let mut model = ModelProto::decode(bytes)?;
    for tensor in tensors(&mut model) {
        let Some(location) = location(tensor) else { continue };
        let Some(file) = files.get(&location) else {
            return Err(ExternalError::Missing { tensor: tensor.name.clone(), location });
        };
        tensor.raw_data = stored(tensor, file, &location)?.to_vec();
        tensor.external_data.clear();
        tensor.data_location = DataLocation::Default.into();
    }
    Ok(model.encode_to_vec())
}

fn stored<'f>(tensor: &TensorProto, file: &'f [u8], location: &str) -> Result<&'f [u8], ExternalError> {
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let number = |key: &str, default: usize| entry(key).map_or(Some(default), |value| value.parse().ok());
    let place = || -> Option<&'f [u8]> {
        let rest = file.get(number("offset", 0)?..)?;
        rest.get(..number("length", rest.len())?)
    };
    place().ok_or_else(|| ExternalError::Place {
        tensor: tensor.name.clone(),
        location: location.to_owned(),
        place: format!("offset {}, length {}", entry("offset").unwrap_or("0"), entry("length").unwrap_or("to the end")),
        size: file.len(),
    })
}

/// Where the tensor lies, if not in the file.
fn location(tensor: &TensorProto) -> Option<String> {
    let external = tensor.data_location == i32::from(DataLocation::External);
    let entry = tensor.external_data.iter().find(|entry| entry.key == "location");
    external.then(|| entry.map(|entry| entry.value.clone()).unwrap_or_default())
}

/// Initialisers, and constants that are nodes.
fn tensors(model: &mut ModelProto) -> impl Iterator<Item = &mut TensorProto> {
    model.graph.iter_mut().flat_map(|GraphProto { node, initializer, .. }| {
        let constants =
            node.iter_mut().flat_map(|node| &mut node.attribute).filter_map(|attribute| attribute.t.as_mut());
        initializer.iter_mut().chain(constants)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{self, proto::StringStringEntryProto};
    use crate::zoo::{self, Init, ZooOptions};

    /// A network's file, and the same with its weights in `w.data`.
    fn split() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let model = zoo::model("tiny-cnn", &ZooOptions::default(), Init::Kaiming, 1).unwrap();
        let whole = onnx::export(&model).unwrap();
        let mut proto = ModelProto::decode(whole.as_slice()).unwrap();
        let mut data = vec![0xee; 3];
        for tensor in tensors(&mut proto) {
            let raw = std::mem::take(&mut tensor.raw_data);
            let entries = [
                ("location", "w.data".to_owned()),
                ("offset", data.len().to_string()),
                ("length", raw.len().to_string()),
            ];
            tensor.external_data =
                entries.map(|(key, value)| StringStringEntryProto { key: key.into(), value }).to_vec();
            tensor.data_location = DataLocation::External.into();
            data.extend(raw);
        }
        (whole, proto.encode_to_vec(), data)
    }

    #[test]
    fn joined_files_are_the_whole_file() {
        let (whole, parted, data) = split();
        assert_eq!(external_files(&whole).unwrap(), BTreeSet::new());
        assert_eq!(external_files(&parted).unwrap(), BTreeSet::from(["w.data".to_owned()]));
        let joined = with_external(&parted, &BTreeMap::from([("w.data".to_owned(), data)])).unwrap();
        assert_eq!(joined, whole);
    }

    #[test]
    fn files_that_are_missing_short_or_elsewhere_are_named() {
        let (_, parted, data) = split();
        let join = |files| with_external(&parted, &files).unwrap_err().to_string();
        assert!(join(BTreeMap::new()).contains(r#""w.data", which is not there"#));
        let short = join(BTreeMap::from([("w.data".to_owned(), data[..100].to_vec())]));
        assert!(short.contains("that file has 100 bytes"), "{short}");
        for outside in ["../w.data", "/etc/passwd", ""] {
            let mut proto = ModelProto::decode(parted.as_slice()).unwrap();
            tensors(&mut proto).next().unwrap().external_data[0].value = outside.into();
            let error = external_files(&proto.encode_to_vec()).unwrap_err();
            assert!(matches!(error, ExternalError::Location { .. }), "{outside}: {error}");
        }
    }
}
