//! What came out of a sweep, with the seeds of each point together: a row for each, a column for each metric.
//!
//! Reading and folding the points of 50 000 jobs takes longer than a page may. So the table of a sweep is kept ([`Tables`]) until
//! its points are others; of a large sweep that goes on, the last one is shown while the next is made.

mod table;
mod tables;

pub use table::{File, Metric, ResultRow, Spread, Table, gather};
pub use tables::{Answer, Tables};

use utoipa::ToSchema;

use super::Paged;
use crate::api::Api;
use crate::store::StoreError;

/// How rows are sorted and which are shown.
#[derive(Debug, Clone, Default)]
pub struct Sorting<'a> {
    /// A metric, or empty: in the plan's order.
    pub by: &'a str,
    pub reverse: bool,
    /// Of this stage only.
    pub stage: Option<&'a str>,
    pub offset: usize,
    pub limit: usize,
}

/// One page of a sweep's results.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct Results {
    /// The metrics that any point has.
    pub metrics: Vec<Metric>,
    #[serde(flatten)]
    pub rows: Paged<ResultRow>,
}

/// One page of a table, with the files of its rows.
pub async fn page(api: &Api, table: &Table, sorting: &Sorting<'_>) -> Result<Results, StoreError> {
    let mut rows = sorted(table, sorting);
    let total = rows.len() as u64;
    rows = rows.into_iter().skip(sorting.offset).take(sorting.limit).collect();
    let items = table::with_files(&api.store, table, &rows).await?;
    let metrics = table.metrics.iter().map(Metric::of).collect();
    Ok(Results { metrics, rows: Paged { items, total, offset: sorting.offset as u64 } })
}

/// The numbers of the rows that are asked for, in their order. Rows without the value come last, either way.
fn sorted(table: &Table, sorting: &Sorting<'_>) -> Vec<usize> {
    let of_stage = |at: &usize| sorting.stage.is_none_or(|stage| table.rows[*at].stage == stage);
    let mut rows: Vec<usize> = (0..table.rows.len()).filter(of_stage).collect();
    if let Some(column) = table.column(sorting.by) {
        rows.sort_by(|&a, &b| {
            let (a, b) = (table.mean(a, column), table.mean(b, column));
            match (a, b) {
                (Some(a), Some(b)) if sorting.reverse => b.total_cmp(&a),
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        });
    } else if sorting.reverse {
        rows.reverse();
    }
    rows
}

#[cfg(test)]
mod tests;
