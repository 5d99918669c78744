use std::sync::Arc;

use sweep_shared::ids::SweepId;
use sweep_shared::metrics::Metrics;

use super::*;
use crate::store::NewJob;
use crate::store::report::{End, NewPoint};
use crate::store::testing::{Bench, bench, job};

fn seeded(stage: &str, seed: u64) -> NewJob {
    NewJob { seed, key: format!("{stage} {seed}"), ..job(stage) }
}

fn success(metrics: &[(&str, f64)]) -> End {
    let metrics: Metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    End::Success { points: vec![NewPoint { name: "main".to_owned(), metrics, files: vec![] }], artifacts: vec![] }
}

/// Two seeds of `base`, one of `small`, one of `odd` that knows no size.
async fn study(bench: &Bench) -> SweepId {
    let jobs = vec![seeded("base", 0), seeded("base", 1), seeded("small", 0), seeded("odd", 0)];
    let (sweep, jobs) = bench.submit(jobs).await;
    let values: [&[(&str, f64)]; 4] = [
        &[("accuracy", 0.90), ("size_onnx_bytes", 4e6)],
        &[("accuracy", 0.92), ("size_onnx_bytes", 4e6)],
        &[("accuracy", 0.80), ("size_onnx_bytes", 1e6)],
        &[("accuracy", 0.85)],
    ];
    for (job, values) in jobs.iter().zip(values) {
        bench.run(*job, success(values)).await;
    }
    sweep
}

fn names(table: &Table, rows: &[usize]) -> Vec<String> {
    rows.iter().map(|row| table.rows[*row].title()).collect()
}

#[tokio::test]
async fn seeds_are_one_row_and_rows_are_sorted_by_any_metric() {
    let bench = bench().await;
    let sweep = study(&bench).await;
    let table = gather(&bench.store, sweep).await.unwrap();
    assert_eq!(names(&table, &[0, 1, 2]), ["base", "small", "odd"]);
    let accuracy = table.value(0, table.column("accuracy").unwrap()).unwrap();
    assert!((accuracy.mean - 0.91).abs() < 1e-9 && accuracy.deviation.is_some_and(|sd| (sd - 0.01414).abs() < 1e-4));
    let sorted = |by, reverse| names(&table, &sorted(&table, &Sorting { by, reverse, ..Sorting::default() }));
    assert_eq!(sorted("accuracy", false), ["small", "odd", "base"]);
    assert_eq!(sorted("accuracy", true), ["base", "odd", "small"]);
    assert_eq!(sorted("size_onnx_bytes", false), ["small", "base", "odd"], "what is not known comes last");
    assert_eq!(sorted("size_onnx_bytes", true), ["base", "small", "odd"]);
    assert_eq!(sorted("no such metric", true), ["odd", "small", "base"]);
}

#[tokio::test]
async fn a_table_is_made_once_for_the_same_points_and_anew_for_others() {
    let bench = bench().await;
    let sweep = study(&bench).await;
    let tables = Tables::default();
    let first = tables.whole(&bench.store, sweep).await.unwrap();
    assert!(Arc::ptr_eq(&first, &tables.whole(&bench.store, sweep).await.unwrap()));
    let (other, jobs) = bench.submit(vec![seeded("more", 0)]).await;
    assert_eq!(tables.whole(&bench.store, other).await.unwrap().rows.len(), 0);
    bench.run(jobs[0], success(&[("accuracy", 0.5)])).await;
    assert_eq!(tables.whole(&bench.store, other).await.unwrap().rows.len(), 1);
    assert!(
        Arc::ptr_eq(&first, &tables.whole(&bench.store, sweep).await.unwrap()),
        "another sweep's points are none of its"
    );
}
