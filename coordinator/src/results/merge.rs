//! Joining points with their measurements.

use std::collections::HashMap;

use sweep_shared::metrics::{self as names, Metrics};

use crate::store::read::{FileRow, PointRow};

/// A point as the user sees it.
#[derive(Debug, Clone)]
pub struct Point {
    pub row: PointRow,
    pub metrics: Metrics,
    pub files: Vec<FileRow>,
}

/// Adds to each point the values that its measure jobs found; measure jobs are not listed themselves. Where both have a
/// value of one name, the point's own stays. Points without values or files (there are none such yet) stay, too.
pub fn merge(rows: Vec<PointRow>, files: Vec<FileRow>) -> Vec<Point> {
    let mut by_point: HashMap<(i64, String), Vec<FileRow>> = HashMap::new();
    for file in files {
        by_point.entry((file.job, file.point.clone())).or_default().push(file);
    }
    let mut measured: HashMap<(i64, String), Metrics> = HashMap::new();
    for row in &rows {
        if let (Some(job), Some(point)) = (row.measured_job, &row.measured_point) {
            measured.entry((job, point.clone())).or_default().extend(metrics(row));
        }
    }
    let points = rows.into_iter().filter(|row| row.measured_job.is_none());
    points
        .map(|row| {
            let at = (row.job, row.point.clone());
            let mut values = measured.remove(&at).unwrap_or_default();
            values.extend(metrics(&row));
            Point { metrics: values, files: by_point.remove(&at).unwrap_or_default(), row }
        })
        .collect()
}

/// Those of the point, written by us from a map of numbers; and where it has any, what its attempt took to make it.
fn metrics(row: &PointRow) -> Metrics {
    let mut metrics: Metrics = serde_json::from_str(&row.metrics_json).unwrap_or_default();
    if !metrics.is_empty() {
        metrics.extend(of_attempt(row));
    }
    metrics
}

fn of_attempt(row: &PointRow) -> Option<(String, f64)> {
    // What a measure job takes says nothing of the point; what its network took, it has told itself.
    let peak = (row.peak_memory_bytes > 0 && row.measured_job.is_none()).then_some(row.peak_memory_bytes);
    peak.map(|bytes| (names::JOB_PEAK_MEMORY_BYTES.to_owned(), bytes as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(job: i64, kind: &str, point: &str, metrics: &str, measured: Option<(i64, &str)>) -> PointRow {
        PointRow {
            job,
            sweep: 1,
            stage: "base".to_owned(),
            kind: kind.to_owned(),
            label: String::new(),
            seed: 0,
            key: format!("k{job}"),
            params_json: "{}".to_owned(),
            reused: false,
            point: point.to_owned(),
            attempt: 1,
            metrics_json: metrics.to_owned(),
            agent: None,
            host: None,
            resumed_epoch: 0,
            peak_memory_bytes: 0,
            measured_job: measured.map(|(job, _)| job),
            measured_point: measured.map(|(_, point)| point.to_owned()),
        }
    }

    #[test]
    fn a_measurement_belongs_to_the_point_it_measured() {
        let rows = vec![
            row(1, "prune", "s0.50", r#"{"accuracy":0.9}"#, None),
            row(1, "prune", "s0.90", r#"{"accuracy":0.5}"#, None),
            row(2, "measure", "main", r#"{"latency_ms_b1":3.0,"accuracy":0.1}"#, Some((1, "s0.90"))),
        ];
        let file = FileRow {
            job: 1,
            point: "s0.50".to_owned(),
            name: "model.onnx".to_owned(),
            hash: "h".to_owned(),
            size_bytes: 3,
        };
        let points = merge(rows, vec![file]);
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].files.len(), 1);
        assert_eq!(points[0].metrics.get("latency_ms_b1"), None);
        assert_eq!(points[1].metrics["latency_ms_b1"], 3.0);
        assert_eq!(points[1].metrics["accuracy"], 0.5);
    }
}
