//! The whole of a sweep's results, as compact as 50 000 jobs ask for.

use std::collections::BTreeMap;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::metrics::Metrics;
use sweep_shared::results::{Better, Measured, Quantity, Value, fold, title};
use utoipa::ToSchema;

use crate::results::{Point, merge};
use crate::store::read::{self, FileRow};
use crate::store::{Store, StoreError};

/// All rows of a sweep.
#[derive(Debug, Default)]
pub struct Table {
    /// The columns, in the order of their names.
    pub metrics: Vec<Quantity>,
    pub rows: Vec<Row>,
}

/// Points that differ by their seed only.
#[derive(Debug)]
pub struct Row {
    pub stage: String,
    pub label: String,
    pub point: String,
    /// The job of each seed.
    pub jobs: Vec<JobId>,
    /// By column.
    values: Vec<Option<Value>>,
}

impl Table {
    pub fn column(&self, metric: &str) -> Option<usize> {
        self.metrics.binary_search_by(|column| column.name.as_str().cmp(metric)).ok()
    }

    pub fn value(&self, row: usize, column: usize) -> Option<Value> {
        self.rows.get(row)?.values.get(column).copied().flatten()
    }

    pub fn mean(&self, row: usize, column: usize) -> Option<f64> {
        self.value(row, column).map(|value| value.mean)
    }
}

impl Row {
    pub fn title(&self) -> String {
        title(&self.stage, &self.label, &self.point)
    }
}

impl Measured for Point {
    fn stage(&self) -> &str {
        &self.row.stage
    }

    fn label(&self) -> &str {
        &self.row.label
    }

    fn point(&self) -> &str {
        &self.row.point
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

/// Reads and folds all points of a sweep.
pub async fn gather(store: &Store, sweep: SweepId) -> Result<Table, StoreError> {
    let rows = read::points_of(store, sweep).await?;
    // Folding many points is work, which other requests do not wait for.
    let folded = tokio::task::spawn_blocking(move || {
        let points: Vec<Point> =
            merge(rows, Vec::new()).into_iter().filter(|point| !point.row.point.is_empty()).collect();
        table(&points)
    });
    folded.await.map_err(|_| StoreError::Stopping)
}

pub(super) fn table(points: &[Point]) -> Table {
    let groups = fold(points);
    let mut names: Vec<&str> = groups.iter().flat_map(|group| group.metrics.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let rows = groups.iter().map(|group| Row {
        stage: group.points[0].row.stage.clone(),
        label: group.points[0].row.label.clone(),
        point: group.points[0].row.point.clone(),
        jobs: group.points.iter().map(|point| JobId(point.row.job)).collect(),
        values: names.iter().map(|name| group.metrics.get(*name).copied()).collect(),
    });
    Table { rows: rows.collect(), metrics: names.iter().map(|name| Quantity::of(name)).collect() }
}

/// A row as it is sent.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct ResultRow {
    /// Stage, label and point: `pruned input=base [s0.48]`.
    pub name: String,
    pub stage: String,
    pub label: String,
    pub point: String,
    /// The job of each seed: `j4`.
    pub jobs: Vec<String>,
    pub metrics: BTreeMap<String, Spread>,
    /// Of the first seed.
    pub files: Vec<File>,
}

/// Mean and, over several seeds, the sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, ToSchema)]
pub struct Spread {
    pub mean: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
}

impl From<Value> for Spread {
    fn from(Value { mean, deviation }: Value) -> Self {
        Self { mean, deviation }
    }
}

/// A file of a point, or of a job as a whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, ToSchema)]
pub struct File {
    pub name: String,
    /// BLAKE3 of its bytes.
    pub hash: String,
    pub size_bytes: u64,
}

impl File {
    pub fn of(row: &FileRow) -> Self {
        Self { name: row.name.clone(), hash: row.hash.clone(), size_bytes: row.size_bytes as u64 }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, ToSchema)]
pub struct Metric {
    pub name: String,
    /// In words.
    pub title: String,
    /// More of it is better.
    pub more_is_better: bool,
}

impl Metric {
    pub fn of(quantity: &Quantity) -> Self {
        let more_is_better = quantity.better == Better::More;
        Self { name: quantity.name.clone(), title: quantity.title.clone(), more_is_better }
    }
}

/// These rows of the table, in this order, each with the files of its first seed.
pub async fn with_files(store: &Store, table: &Table, rows: &[usize]) -> Result<Vec<ResultRow>, StoreError> {
    let first = |row: &Row| row.jobs.first().copied();
    let mut jobs: Vec<JobId> = rows.iter().filter_map(|row| first(&table.rows[*row])).collect();
    jobs.sort_unstable();
    jobs.dedup();
    let files = read::files_of_jobs(store, &jobs).await?;
    let row = |at: &usize| {
        let row = &table.rows[*at];
        let of_row = |file: &&FileRow| first(row) == Some(JobId(file.job)) && file.point == row.point;
        let values = table.metrics.iter().enumerate();
        ResultRow {
            name: row.title(),
            stage: row.stage.clone(),
            label: row.label.clone(),
            point: row.point.clone(),
            jobs: row.jobs.iter().map(JobId::to_string).collect(),
            metrics: values
                .filter_map(|(column, metric)| Some((metric.name.clone(), table.value(*at, column)?.into())))
                .collect(),
            files: files.iter().filter(of_row).map(File::of).collect(),
        }
    };
    Ok(rows.iter().map(row).collect())
}
