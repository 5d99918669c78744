//! The table that a sweep comes to, without what may differ between two runs of equal worth.

use serde_json::{Map, Value};
use sweep_shared::metrics::JOB_PEAK_MEMORY_BYTES;

/// Under which number, by whom, and how often it was begun.
const ASIDE: [&str; 7] = ["sweep", "job", "host", "agent", "attempt", "resumed_from", "reused"];

/// `sweep results --json` without hosts, attempts, times, peaks of memory and paths. What remains (accuracies, losses, sizes, hashes of all files)
/// must be equal to the bit.
pub fn comparable(results: Value) -> Vec<Map<String, Value>> {
    let Value::Array(points) = results else { panic!("results are an array: {results:#}") };
    points.into_iter().map(point).collect()
}

fn point(point: Value) -> Map<String, Value> {
    let Value::Object(mut point) = point else { panic!("a point is an object: {point:#}") };
    point.retain(|name, _| !ASIDE.contains(&name.as_str()) && !name.ends_with("_s") && name != JOB_PEAK_MEMORY_BYTES);
    for file in point["files"].as_array_mut().expect("a point lists its files") {
        file.as_object_mut().expect("a file is an object").remove("path");
    }
    point
}

/// The first difference, in words.
pub fn compare(expected: &[Map<String, Value>], found: &[Map<String, Value>]) -> Result<(), String> {
    if expected.len() != found.len() {
        return Err(format!("{} points instead of {}", found.len(), expected.len()));
    }
    for (expected, found) in expected.iter().zip(found) {
        let mut names = expected.keys().chain(found.keys());
        if let Some(name) = names.find(|name| expected.get(*name) != found.get(*name)) {
            let of = |point: &Map<String, Value>| point.get(name).cloned().unwrap_or_default();
            let place = format!("{} {} {}", expected["stage"], expected["label"], expected["point"]);
            return Err(format!("{place}: {name} is {}, undisturbed it is {}", of(found), of(expected)));
        }
    }
    Ok(())
}

#[test]
fn one_bit_is_a_difference_and_a_time_is_none() {
    let table = |accuracy: f64, hash: &str, seconds: f64| {
        comparable(serde_json::json!([{
            "stage": "a", "label": "", "point": "main", "agent": hash, "accuracy": accuracy, "training_s": seconds,
            "files": [{ "name": "model.onnx", "hash": hash, "path": format!("/{seconds}") }],
        }]))
    };
    let expected = table(0.5, "aa", 1.0);
    assert_eq!(compare(&expected, &table(0.5, "aa", 2.0)), Ok(()));
    assert!(compare(&expected, &table(0.5 + f64::EPSILON, "aa", 1.0)).is_err());
    assert!(compare(&expected, &table(0.5, "ab", 1.0)).unwrap_err().contains("files"));
    assert!(compare(&expected, &[]).is_err());
}
