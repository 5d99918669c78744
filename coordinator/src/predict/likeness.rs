//! Which jobs take the same memory: those whose specs are equal but for what memory does not depend on.

use serde_json::Value;
use sweep_shared::spec::{JobSpec, ModelSpec, StageKind};
use sweep_shared::wire;

use super::Lineage;

/// Parameters that change what is computed and not what it takes. Whatever is not known here counts as a difference.
const INDIFFERENT: &[&str] = &[
    "epochs",
    "schedule",
    "label_smoothing",
    "alpha",
    "temperature",
    "lr",
    "weight_decay",
    "nesterov",
    "beta1",
    "beta2",
    "eps",
    "weights",
    "criterion",
    "scope",
    "per_cycle",
    "keep",
    "augment",
    "normalization",
    "runs",
    "outputs",
    "reuse",
];

/// Kind and network in words, and a hash of all that matters.
pub fn of(spec: &JobSpec, own: Option<&Lineage>, input: Option<&Lineage>) -> String {
    let (kind, data) = (essence(&spec.kind), spec.data.as_ref().map(essence));
    let points: Vec<&str> = spec.inputs.iter().map(|input| input.point.as_str()).collect();
    let past = |lineage: Option<&Lineage>| lineage.map(|lineage| lineage.past.clone());
    let all = wire::to_json(&(kind, data, points, past(own), past(input)));
    let digest = blake3::hash(all.as_bytes()).to_hex();
    format!("{} {} {}", spec.kind.word(), name(spec, own), &digest[..16])
}

/// A network as it is built for images of that many pixels.
pub fn of_model(model: &ModelSpec, size: u32) -> String {
    wire::to_json(&(essence(model), size))
}

fn name(spec: &JobSpec, own: Option<&Lineage>) -> String {
    match (&spec.kind, own) {
        (StageKind::Command(command), _) => command.run.first().cloned().unwrap_or_default(),
        (_, Some(own)) => own.name.clone(),
        (_, None) => String::new(),
    }
}

fn essence(of: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(of).expect("specs have text keys");
    forget(&mut value);
    value
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !INDIFFERENT.contains(&name.as_str()));
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}
