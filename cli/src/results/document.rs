//! `results --json`: an array of points, each flat, with measured values under unit-bearing names. Scripts rely on it:
//! fields are added, not renamed.

use serde_json::{Map, Value, json};
use sweep_shared::ids::SweepId;

use crate::answer::Point;

/// One object per point.
pub fn document(sweep: SweepId, points: &[Point]) -> Value {
    points.iter().map(|point| Value::Object(object(sweep, point))).collect()
}

fn object(sweep: SweepId, point: &Point) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("sweep", json!(sweep.to_string()));
    put("stage", json!(point.stage));
    put("job", json!(point.job.to_string()));
    put("seed", json!(point.seed));
    put("point", json!(point.point));
    put("key", json!(point.key));
    put("kind", json!(point.kind));
    put("label", json!(point.label));
    put("params", Value::Object(point.params.clone()));
    put("reused", json!(point.reused));
    put("host", json!(point.host));
    put("agent", json!(point.agent));
    put("attempt", json!(point.attempt));
    put("resumed_from", json!(point.resumed_from));
    put("files", json!(point.files));
    for (name, value) in &point.metrics {
        // A program's own metric may not pass for one of the fields above.
        object.entry(name).or_insert_with(|| number(*value));
    }
    object
}

/// Whole numbers (parameters, bytes) are written as such.
fn number(value: f64) -> Value {
    // 2⁵³: up to there every whole number has its own f64.
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 { json!(value as i64) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::point;

    #[test]
    fn a_point_is_flat_and_keeps_the_promised_names() {
        let mut one = point("base", "lr=0.1", 2, &[("accuracy", 0.5), ("seed", 99.0), ("macs", 11060480.0)]);
        one.params.insert("lr".into(), json!(0.1));
        let document = document(SweepId(3), &[one]);
        let object = &document[0];
        assert_eq!(object["sweep"], "s3");
        assert_eq!(object["job"], "j1");
        assert_eq!(object["seed"], 2);
        assert_eq!(object["point"], "main");
        assert_eq!(object["params"]["lr"], 0.1);
        assert_eq!(object["accuracy"], 0.5);
        assert_eq!(object["macs"].to_string(), "11060480");
        assert_eq!(object["files"][0]["name"], "model.onnx");
    }

    #[test]
    fn no_points_are_an_empty_array() {
        assert_eq!(document(SweepId(1), &[]), json!([]));
    }
}
