//! `results --csv`: a line per point and a column per value, for spreadsheets and data frames (RFC 4180).

use std::collections::BTreeSet;

use serde_json::Value;
use sweep_shared::ids::SweepId;

use super::document::document;
use crate::answer::Point;

/// Columns that every line has, in this order; parameters and metrics follow.
const FIXED: [&str; 12] =
    ["sweep", "stage", "label", "job", "seed", "point", "kind", "key", "reused", "host", "attempt", "resumed_from"];
/// Neither a value nor text.
const LEFT_OUT: [&str; 3] = ["params", "files", "agent"];

/// Header and a line per point. Parameters are `params.<axis>`; `file` is the deployed model.
pub fn csv(sweep: SweepId, points: &[Point]) -> String {
    let document = document(sweep, points);
    let objects: Vec<&serde_json::Map<String, Value>> =
        document.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    let params: BTreeSet<&String> = points.iter().flat_map(|point| point.params.keys()).collect();
    let known = |name: &str| FIXED.contains(&name) || LEFT_OUT.contains(&name);
    let metrics: BTreeSet<&String> =
        objects.iter().flat_map(|object| object.keys()).filter(|name| !known(name)).collect();

    let mut header: Vec<String> = FIXED.iter().map(|name| (*name).to_owned()).collect();
    header.extend(params.iter().map(|name| format!("params.{name}")));
    header.extend(metrics.iter().map(|name| (*name).clone()));
    header.push("file".to_owned());
    let mut text = line(header);
    for (object, point) in objects.iter().zip(points) {
        let mut cells: Vec<String> = FIXED.iter().map(|name| cell(object.get(*name))).collect();
        cells.extend(params.iter().map(|name| cell(point.params.get(*name))));
        cells.extend(metrics.iter().map(|name| cell(object.get(*name))));
        let model = point.files.iter().find(|file| file.name == "model.onnx").or(point.files.first());
        cells.push(model.map_or(String::new(), |file| file.path.display().to_string()));
        text += &line(cells);
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn line(cells: Vec<String>) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",") + "\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::point;
    use serde_json::json;

    #[test]
    fn every_value_has_its_column() {
        let mut a = point("base", "", 0, &[("accuracy", 0.9)]);
        a.params.insert("lr".into(), json!(0.1));
        let b = point("mine", "x=\"a,b\"", 1, &[("loss", 2.0)]);
        let text = csv(SweepId(1), &[a, b]);
        let lines: Vec<&str> = text.lines().collect();
        let fixed = FIXED.join(",");
        assert_eq!(lines[0], format!("{fixed},params.lr,accuracy,loss,file"));
        assert_eq!(lines[1], "s1,base,,j1,0,main,train,k,false,desk,1,0,0.1,0.9,,/home/results/s1/base/model.onnx");
        assert_eq!(
            lines[2],
            "s1,mine,\"x=\"\"a,b\"\"\",j1,1,main,train,k,false,desk,1,0,,,2,/home/results/s1/mine/model.onnx"
        );
    }
}
