//! Points that differ by their seed only, as one.

use std::collections::{BTreeMap, HashMap};

use crate::metrics::Metrics;
use crate::spec::MAIN_POINT;

/// Mean and, over several seeds, the sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    pub mean: f64,
    pub deviation: Option<f64>,
}

impl Value {
    /// Of at least one number.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        Self { mean, deviation }
    }
}

/// A point, as far as it is compared.
pub trait Measured {
    fn stage(&self) -> &str;
    fn label(&self) -> &str;
    /// `main` where the job has only one.
    fn point(&self) -> &str;
    fn metrics(&self) -> &Metrics;
}

/// Points of equal stage, label and name.
#[derive(Debug)]
pub struct Group<'a, P> {
    /// In the order in which they came.
    pub points: Vec<&'a P>,
    pub metrics: BTreeMap<String, Value>,
}

/// Folds points together, in the order in which they first appear. Outputs of a command, which come as a point without
/// values, are left out.
pub fn fold<P: Measured>(points: &[P]) -> Vec<Group<'_, P>> {
    let mut order: Vec<Vec<&P>> = Vec::new();
    let mut places: HashMap<(&str, &str, &str), usize> = HashMap::new();
    for point in points.iter().filter(|point| !point.metrics().is_empty()) {
        let place = *places.entry((point.stage(), point.label(), point.point())).or_insert_with(|| {
            order.push(Vec::new());
            order.len() - 1
        });
        order[place].push(point);
    }
    order.into_iter().map(group).collect()
}

fn group<P: Measured>(points: Vec<&P>) -> Group<'_, P> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for point in &points {
        for (name, value) in point.metrics().iter().filter(|(_, value)| value.is_finite()) {
            values.entry(name).or_default().push(*value);
        }
    }
    let metrics = values.into_iter().map(|(name, values)| (name.to_owned(), Value::of(&values))).collect();
    Group { points, metrics }
}

/// Stage, label and point: `pruned input=base [s0.48]`.
pub fn title(stage: &str, label: &str, point: &str) -> String {
    let mut title = stage.to_owned();
    if !label.is_empty() {
        title = format!("{title} {label}");
    }
    if point == MAIN_POINT { title } else { format!("{title} [{point}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Point(&'static str, &'static str, Metrics);

    impl Measured for Point {
        fn stage(&self) -> &'static str {
            self.0
        }
        fn label(&self) -> &'static str {
            ""
        }
        fn point(&self) -> &'static str {
            self.1
        }
        fn metrics(&self) -> &Metrics {
            &self.2
        }
    }

    fn point(stage: &'static str, metrics: &[(&str, f64)]) -> Point {
        Point(stage, MAIN_POINT, metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect())
    }

    #[test]
    fn seeds_fold_into_mean_and_sample_deviation() {
        let points = [
            point("base", &[("accuracy", 0.90)]),
            point("other", &[("accuracy", 0.5)]),
            point("base", &[("accuracy", 0.92), ("extra", 1.0)]),
            point("base", &[("accuracy", 0.94)]),
        ];
        let groups = fold(&points);
        assert_eq!(groups.iter().map(|group| group.points.len()).collect::<Vec<_>>(), [3, 1]);
        let accuracy = groups[0].metrics["accuracy"];
        assert!((accuracy.mean - 0.92).abs() < 1e-12);
        assert!((accuracy.deviation.unwrap() - 0.02).abs() < 1e-12);
        assert_eq!(groups[0].metrics["extra"].deviation, None);
        assert_eq!(groups[1].metrics["accuracy"].deviation, None);
    }

    #[test]
    fn points_of_other_names_stay_apart_and_outputs_of_a_command_are_none() {
        let mut pruned = point("pruned", &[("accuracy", 0.5)]);
        pruned.1 = "s0.48";
        let points = [pruned, point("pruned", &[("accuracy", 0.5)]), point("hello", &[])];
        assert_eq!(fold(&points).len(), 2);
        assert_eq!(title("pruned", "input=base", "s0.48"), "pruned input=base [s0.48]");
        assert_eq!(title("pruned", "", "main"), "pruned");
    }

    #[test]
    fn a_value_that_is_no_number_spoils_no_mean() {
        let points = [point("a", &[("x", f64::NAN)]), point("a", &[("x", 2.0)])];
        assert_eq!(fold(&points)[0].metrics["x"].mean, 2.0);
    }
}
