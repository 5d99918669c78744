//! `evaluation.json`: what does not fit into named numbers.

use serde::Serialize;

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::metrics::Evaluation;
use crate::runtime::{self, KernelReport};

#[derive(Serialize)]
struct Report<'a> {
    data: &'a str,
    /// BLAKE3 of what was evaluated on.
    data_digest: &'a str,
    test_images: u64,
    classes: &'a [String],
    /// Rows are true classes, columns predicted ones.
    confusion_matrix: Vec<&'a [u64]>,
    runtime: String,
    cpu: runtime::Cpu,
    /// Operators of the graph as ONNX Runtime optimised it.
    kernels: &'a std::collections::BTreeMap<String, usize>,
    /// Those of them that compute on floats.
    left_float: std::collections::BTreeMap<&'a str, usize>,
}

/// The file's text.
pub fn render(dataset: &Dataset, test: &Evaluation, kernels: &KernelReport) -> Result<String> {
    let version = runtime::version().map_err(Error::stage("asking ONNX Runtime for its version"))?;
    let report = Report {
        data: &dataset.name,
        data_digest: &dataset.digest,
        test_images: test.images(),
        classes: &dataset.classes,
        confusion_matrix: test.confusion.rows().collect(),
        runtime: format!("onnxruntime {version}"),
        cpu: runtime::Cpu::this(),
        kernels: &kernels.counts,
        left_float: kernels.left_float(),
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n").map_err(Error::stage("writing the evaluation"))
}
