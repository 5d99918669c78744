//! Which agents a job may go to: `where: { room: b12, gpu: [a100, h100] }`. No part of a key or of the plan's fingerprint.

use std::collections::BTreeSet;

use crate::labels::{self, Placement};
use crate::resources::DeviceClass;

use super::error::PlanError;
use super::fields::{Field, Fields};
use super::tree::Value;

const HELP: &str = "for example `where: { room: b12, gpu: [a100, h100] }`; `where: {}` is anywhere";

/// What the map says, else what holds otherwise.
pub(super) fn read(fields: &Fields<'_>, otherwise: &Placement) -> Placement {
    fields.get("where").map_or_else(|| otherwise.clone(), |field| places(&field))
}

pub(super) fn places(field: &Field<'_>) -> Placement {
    let mut all = Placement::default();
    let Value::Map(entries) = &field.node.value else {
        let error = field.error(format!("expected a map of labels, found {}", field.found()));
        field.problems.add(error.help(HELP));
        return all;
    };
    for entry in entries {
        let path = format!("{}.{}", field.path, entry.name);
        if let Some(why) = labels::wrong_name(&entry.name) {
            let message = format!("`{}` cannot name a label: {why}", entry.name);
            field.problems.add(PlanError::new(field.problems.source, entry.at, path, message));
            continue;
        }
        let value = Field { problems: field.problems, path, node: &entry.node };
        all.0.insert(entry.name.clone(), values(&value));
    }
    all
}

fn values(field: &Field<'_>) -> BTreeSet<String> {
    let items = match field.node.value {
        Value::List(_) => field.list().unwrap_or_default(),
        _ => vec![field.clone()],
    };
    if items.is_empty() {
        field.say("the list is empty, so no agent would do");
    }
    items.iter().filter_map(value).collect()
}

fn value(field: &Field<'_>) -> Option<String> {
    if matches!(field.node.value, Value::Null | Value::Map(_) | Value::List(_)) {
        field.problems.add(field.error(format!("expected a value, found {}", field.found())).help(HELP));
        return None;
    }
    let text = field.spelling();
    if let Some(why) = labels::wrong_value(&text) {
        field.say(format!("`{text}` cannot be a label's value: {why}"));
        return None;
    }
    Some(text)
}

/// Names a GPU for what is to run on a CPU?
pub(super) fn contradict(place: &Placement, device: Option<DeviceClass>) -> bool {
    device == Some(DeviceClass::Cpu) && place.0.contains_key(labels::GPU)
}

/// For work that runs on the CPU whatever the stages ask for: the same machines, if not for their GPUs.
pub(super) fn without_gpu(place: &Placement) -> Placement {
    let mut place = place.clone();
    place.0.remove(labels::GPU);
    place
}
