//! The plan's `measure`: what is timed for every point, once the study's other work is done.

use crate::labels::Placement;
use crate::resources::DeviceClass;
use crate::spec::MeasureSpec;

use super::fields::Field;
use super::places;
use super::tree::Value;

/// Batch sizes 1 and 32, one thread: comparable between machines whose numbers of cores differ.
fn defaults() -> MeasureSpec {
    MeasureSpec { batches: vec![1, 32], runs: 50, threads: 1 }
}

/// What the measure jobs do, and where they may.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub spec: MeasureSpec,
    pub place: Placement,
}

/// The settings of the measure jobs; `None` where the plan says `measure: false`. `place`: where the stages' jobs may run. They go
/// there, too, if not for a GPU.
pub(super) fn read(field: Option<&Field<'_>>, place: &Placement) -> Option<Measure> {
    let mut spec = defaults();
    let mut place = places::without_gpu(place);
    let Some(field) = field else { return Some(Measure { spec, place }) };
    if let Value::Bool(wanted) = field.node.value {
        return wanted.then_some(Measure { spec, place });
    }
    let Some(fields) = field.fields() else { return Some(Measure { spec, place }) };
    if let Some(field) = fields.get("where") {
        place = places::places(&field);
        if places::contradict(&place, Some(DeviceClass::Cpu)) {
            field.problems.add(field.error("measurements run on the CPU").help("name a machine by `host` or a label"));
        }
    }
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
    Some(Measure { spec, place })
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
