//! ONNX files that are named by a user: PyTorch's newer exporter leaves weights in a second file, which belongs to the first.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sweep_model::onnx;

use crate::exit::{Failure, Outcome};

/// The file with what lies in others beside it; `None` if it is whole as it is, or no ONNX file at all, which whoever imports it tells
/// better.
pub fn joined(path: &Path) -> Outcome<Option<Vec<u8>>> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
    };
    let unsound = |error: onnx::ExternalError| Failure::usage(format!("{} cannot be used: {error}", path.display()));
    let bytes = read(path)?;
    let names = match onnx::external_files(&bytes) {
        Ok(names) if names.is_empty() => return Ok(None),
        Err(onnx::ExternalError::Decode(_)) => return Ok(None),
        names => names.map_err(unsound)?,
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = BTreeMap::new();
    for name in names {
        let contents = read(&folder.join(&name)).map_err(|failure| {
            failure.hint(format!("{} keeps weights there; both files belong together", path.display()))
        })?;
        files.insert(name, contents);
    }
    onnx::with_external(&bytes, &files).map(Some).map_err(unsound)
}
