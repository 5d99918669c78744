//! The plan's `measure`: what is timed for every point, once the study's other work is done.

use crate::resources::DeviceClass;
use crate::spec::MeasureSpec;

use super::fields::Field;
use super::tree::Value;

/// Batch sizes 1 and 32, one thread: comparable between machines whose numbers of cores differ.
fn defaults() -> MeasureSpec {
    MeasureSpec { batches: vec![1, 32], runs: 50, threads: 1 }
}

/// The settings of the measure jobs; `None` where the plan says `measure: false`.
pub(super) fn read(field: Option<&Field<'_>>) -> Option<MeasureSpec> {
    let mut spec = defaults();
    let Some(field) = field else { return Some(spec) };
    if let Value::Bool(wanted) = field.node.value {
        return wanted.then_some(spec);
    }
    let Some(fields) = field.fields() else { return Some(spec) };
    if let Some(latency) = fields.get("latency").and_then(|f| f.fields()) {
        if let Some(batches) = latency.get("batch").and_then(|f| batches(&f)) {
            spec.batches = batches;
        }
        if let Some(field) = latency.get("devices") {
            devices(&field);
        }
        spec.runs = latency.get("runs").and_then(|f| f.count(1..=100_000)).unwrap_or(spec.runs);
        spec.threads = latency.get("threads").and_then(|f| f.count(1..=1024)).unwrap_or(spec.threads);
        latency.finish();
    }
    fields.finish();
    Some(spec)
}

fn batches(field: &Field<'_>) -> Option<Vec<u32>> {
    let items = field.list()?;
    if items.is_empty() {
        field.problems.add(field.error("`batch` lists no batch size").help("to measure nothing: `measure: false`"));
    }
    let mut batches: Vec<u32> = items.iter().filter_map(|item| item.count(1..=4096)).collect();
    batches.sort_unstable();
    batches.dedup();
    (!batches.is_empty()).then_some(batches)
}

/// Latency is that of ONNX Runtime on the processor.
fn devices(field: &Field<'_>) {
    for item in field.list().unwrap_or_default() {
        item.word(&[("cpu", DeviceClass::Cpu)], &["cuda"]);
    }
}
