//! ONNX files: the form in which a network is deployed and measured, and in which others hand theirs over.
//!
//! [`export`](export()) writes a network, [`import`](import()) reads a classifier that PyTorch wrote. [`read`] parses any ONNX file as far as its node
//! list is concerned, which is enough to count the kernels of an optimised graph ([`op_counts`]).
//!
//! `proto.rs` holds the types of `proto/onnx.proto`, generated once with prost-build 0.14 and protox 0.10 and committed, so
//! that building needs no protoc and no build script: `prost_build::Config::new().out_dir(…).compile_fds(protox::compile(
//! ["proto/onnx.proto"], ["proto"])?)`.

mod export;
mod external;
mod import;
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic)]
pub mod proto;

use std::collections::BTreeMap;

use prost::Message;

pub use export::{ExportError, INPUT_NAME, OPSET, OUTPUT_NAME, export};
pub use external::{ExternalError, external_files, with_external};
pub use import::{ImportError, Problem, TensorProblem, import};

/// Parses an ONNX file. Fields that sweep does not use are skipped.
pub fn read(bytes: &[u8]) -> Result<proto::ModelProto, prost::DecodeError> {
    proto::ModelProto::decode(bytes)
}

/// How often each operator occurs in the graph (`QLinearConv`, `com.microsoft.QLinearAdd`).
pub fn op_counts(model: &proto::ModelProto) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in model.graph.iter().flat_map(|graph| &graph.node) {
        let domain = node.domain.as_str();
        let standard = domain.is_empty() || domain == "ai.onnx";
        let name = if standard { node.op_type.clone() } else { format!("{domain}.{}", node.op_type) };
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}
