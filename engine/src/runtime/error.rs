//! What can go wrong with ONNX Runtime.

use std::path::PathBuf;

/// Why a file could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The shared library is nowhere.
    #[error(
        "ONNX Runtime ({file}) not found; looked in {}. Run `make setup`, or set SWEEP_ORT to the library's path",
        looked.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoLibrary { file: &'static str, looked: Vec<PathBuf> },
    /// The library is there and will not start.
    #[error("ONNX Runtime at {} could not be loaded: {reason}", path.display())]
    Load { path: PathBuf, reason: String },
    /// The runtime refuses the file.
    #[error("ONNX Runtime refuses {}: {reason}", path.display())]
    Model { path: PathBuf, reason: String },
    /// A run failed.
    #[error("ONNX Runtime failed while running: {0}")]
    Run(String),
}
