//! Points that differ by their seed only, as one row.

use std::collections::BTreeMap;

use sweep_shared::spec::MAIN_POINT;

use crate::answer::{Point, StoredFile};

/// Mean and, over several seeds, the sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    pub mean: f64,
    pub deviation: Option<f64>,
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Stage, label and point: `pruned input=base [s0.48]`.
    pub name: String,
    pub seeds: usize,
    pub metrics: BTreeMap<String, Value>,
    /// Of the first seed.
    pub files: Vec<StoredFile>,
}

impl Row {
    pub fn value(&self, metric: &str) -> Option<Value> {
        self.metrics.get(metric).copied()
    }

    pub fn mean(&self, metric: &str) -> Option<f64> {
        self.value(metric).map(|value| value.mean)
    }
}

/// Folds points of equal stage, label and point name together, in the order in which they first appear.
pub fn rows(points: &[Point]) -> Vec<Row> {
    let mut order: Vec<Vec<&Point>> = Vec::new();
    let mut places: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for point in points.iter().filter(|point| point.is_measured()) {
        let place = *places.entry((&point.stage, &point.label, &point.point)).or_insert_with(|| {
            order.push(Vec::new());
            order.len() - 1
        });
        order[place].push(point);
    }
    order.iter().map(|seeds| fold(seeds)).collect()
}

fn fold(seeds: &[&Point]) -> Row {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for point in seeds {
        for (name, value) in point.metrics.iter().filter(|(_, value)| value.is_finite()) {
            values.entry(name).or_default().push(*value);
        }
    }
    Row {
        name: name(seeds[0]),
        seeds: seeds.len(),
        metrics: values.into_iter().map(|(name, values)| (name.to_owned(), summary(&values))).collect(),
        files: seeds[0].files.clone(),
    }
}

fn name(point: &Point) -> String {
    let mut name = point.stage.clone();
    if !point.label.is_empty() {
        name = format!("{name} {}", point.label);
    }
    if point.point == MAIN_POINT { name } else { format!("{name} [{}]", point.point) }
}

fn summary(values: &[f64]) -> Value {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    Value { mean, deviation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::point;

    #[test]
    fn seeds_fold_into_mean_and_sample_deviation() {
        let points = [
            point("base", "", 0, &[("accuracy", 0.90)]),
            point("other", "", 0, &[("accuracy", 0.5)]),
            point("base", "", 1, &[("accuracy", 0.92), ("extra", 1.0)]),
            point("base", "", 2, &[("accuracy", 0.94)]),
        ];
        let rows = rows(&points);
        assert_eq!(
            rows.iter().map(|row| (row.name.as_str(), row.seeds)).collect::<Vec<_>>(),
            [("base", 3), ("other", 1)]
        );
        let accuracy = rows[0].value("accuracy").unwrap();
        assert!((accuracy.mean - 0.92).abs() < 1e-12);
        assert!((accuracy.deviation.unwrap() - 0.02).abs() < 1e-12);
        assert_eq!(rows[0].value("extra").unwrap().deviation, None);
        assert_eq!(rows[1].value("accuracy").unwrap().deviation, None);
    }

    #[test]
    fn labels_and_points_keep_rows_apart() {
        let mut pruned = point("pruned", "input=base", 0, &[("accuracy", 0.5)]);
        pruned.point = "s0.48".into();
        let main = Point { point: "main".into(), ..pruned.clone() };
        let names: Vec<String> = rows(&[pruned, main]).into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["pruned input=base [s0.48]", "pruned input=base"]);
    }

    #[test]
    fn outputs_of_a_command_are_no_row() {
        let outputs = Point { metrics: BTreeMap::new(), ..point("hello", "", 0, &[]) };
        assert!(rows(&[outputs]).is_empty());
    }

    #[test]
    fn a_value_that_is_no_number_spoils_no_mean() {
        let points = [point("a", "", 0, &[("x", f64::NAN)]), point("a", "", 1, &[("x", 2.0)])];
        assert_eq!(rows(&points)[0].mean("x"), Some(2.0));
    }
}
