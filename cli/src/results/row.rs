//! Points that differ by their seed only, as one row.

use std::collections::BTreeMap;

use sweep_shared::metrics::Metrics;
pub use sweep_shared::results::Value;
use sweep_shared::results::{Group, Measured, fold, title};

use crate::answer::{Point, StoredFile};

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
    fold(points).into_iter().map(row).collect()
}

fn row(group: Group<'_, Point>) -> Row {
    let first = group.points[0];
    Row {
        name: title(&first.stage, &first.label, &first.point),
        seeds: group.points.len(),
        metrics: group.metrics,
        files: first.files.clone(),
    }
}

impl Measured for Point {
    fn stage(&self) -> &str {
        &self.stage
    }

    fn label(&self) -> &str {
        &self.label
    }

    fn point(&self) -> &str {
        &self.point
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }
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
