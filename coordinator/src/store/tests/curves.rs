//! What jobs told at the ends of their epochs, and how long they took.

use std::time::Duration;

use super::super::read::{epochs_of, newest_runs};
use super::super::testing::*;
use super::super::*;

#[tokio::test]
async fn ends_of_epochs_and_the_attempts_they_belong_to_are_read() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    let epoch = |epoch| sweep_shared::event::Epoch {
        epoch,
        epochs: 9,
        phase: "train".to_owned(),
        metrics: [("seconds".to_owned(), 2.0)].into(),
    };
    let progress = report::Body::Progress { epochs: vec![epoch(1), epoch(2)], resumed: None };
    bench.clock.advance(Duration::from_secs(3));
    bench.report(token, progress).await;
    let (chain, rows) = epochs_of(&bench.store, jobs[0]).await.unwrap();
    assert_eq!(chain, [(1, 0, 0)]);
    let told: Vec<_> = rows.iter().map(|row| (row.attempt, row.epoch, row.epochs, row.phase.as_str())).collect();
    assert_eq!(told, [(1, 1, 9, "train"), (1, 2, 9, "train")]);
    assert!(rows[0].metrics_json.contains("seconds"), "{rows:?}");
    let unknown = epochs_of(&bench.store, sweep_shared::ids::JobId(99)).await.unwrap_err();
    assert!(unknown.to_string().contains("job j99"), "{unknown}");
    // It has not ended, so it says nothing of how long such work takes.
    assert_eq!(newest_runs(&bench.store, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_succeeded_from_the_beginning_tells_how_long_it_took() {
    let bench = bench().await;
    let like = |stage: &str| NewJob { likeness: "train tiny 1".to_owned(), ..job(stage) };
    let (_, jobs) = bench.submit(vec![like("a"), like("b"), job("c")]).await;
    let token = bench.token(jobs[0]).await;
    let metrics: sweep_shared::metrics::Metrics = [("seconds".to_owned(), 0.25)].into();
    let epoch = |epoch| sweep_shared::event::Epoch { epoch, epochs: 2, phase: String::new(), metrics: metrics.clone() };
    bench.report(token, report::Body::Progress { epochs: vec![epoch(1), epoch(2)], resumed: None }).await;
    bench.finish(token, success("a")).await;
    bench.run(jobs[1], failure(sweep_shared::states::FailureClass::BadInput)).await;
    bench.run(jobs[2], success("c")).await;
    let runs = newest_runs(&bench.store, 10).await.unwrap();
    let told: Vec<_> = runs.iter().map(|run| (run.likeness.as_str(), run.run_s, run.epochs, run.epochs_s)).collect();
    assert_eq!(told, [("train tiny 1", 1.0, 2, 0.5)], "one failed, and of one nothing is known that others are like");
    assert!(runs[0].spec_json.contains("\"a\""), "{runs:?}");
}
