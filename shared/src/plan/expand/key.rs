//! Keys: equal work has equal keys.
//!
//! A key is the BLAKE3 hash of canonical JSON (fields sorted by name, no spaces), so that the order in which a struct or a plan
//! lists its fields makes no difference.

use serde::Serialize;
use serde_json::Value;

use crate::resources::DeviceClass;
use crate::spec::{DataSpec, InputSpec, NUMERIC_VERSION, StageKind};

/// The canonical text of a kind with its parameters: two jobs of one stage often share it. Whether a command may be reused does not change
/// what it does, nor do the names of its secrets.
pub(super) fn of_kind(kind: &StageKind) -> String {
    let mut value = json(kind);
    if matches!(kind, StageKind::Command(_)) {
        value["params"]["reuse"] = Value::Null;
        if let Some(params) = value["params"].as_object_mut() {
            params.remove("secrets");
        }
    }
    let mut text = String::with_capacity(256);
    write(&value, &mut text);
    text
}

pub(super) fn of_data(data: Option<&DataSpec>) -> String {
    canonical(&data)
}

/// The key of a job. `device` counts only where the plan asks for one: its numbers differ from another's.
pub(super) fn of_job(kind: &str, data: &str, seed: u64, inputs: &[InputSpec], device: Option<DeviceClass>) -> String {
    let mut hasher = blake3::Hasher::new();
    let inputs = canonical(&inputs);
    let device = canonical(&device);
    let parts = [&format!("numeric {NUMERIC_VERSION} seed {seed}"), kind, data, &inputs, &device];
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

fn canonical(value: &impl Serialize) -> String {
    let mut text = String::new();
    write(&json(value), &mut text);
    text
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("specs hold nothing that JSON lacks")
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            list(out, ['{', '}'], entries, |(name, value), out| {
                string(name, out);
                out.push(':');
                write(value, out);
            });
        }
        Value::Array(items) => list(out, ['[', ']'], items, write),
        Value::String(text) => string(text, out),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn string(text: &str, out: &mut String) {
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./ ".contains(&b)) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

fn list<T>(
    out: &mut String,
    ends: [char; 2],
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(T, &mut String),
) {
    out.push(ends[0]);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(item, out);
    }
    out.push(ends[1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fields_makes_no_difference() {
        let a: Value = serde_json::from_str(r#"{"b": [1, {"y": 0.5, "x": null}], "a": "é\n"}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a": "é\n", "b": [1, {"x": null, "y": 0.5}]}"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(canonical(&a), r#"{"a":"é\n","b":[1,{"x":null,"y":0.5}]}"#);
    }
}
