//! From submission to the end.

use std::time::Duration;

use sweep_shared::event::Epoch;
use sweep_shared::ids::SweepId;
use sweep_shared::resources::Usage;
use sweep_shared::states::FailureClass;

use super::super::report::{Body, End, Recorded};
use super::super::testing::*;
use super::super::*;
use crate::clock::Clock;
use crate::memory::Needs;

fn all() -> read::ReadyQuery<'static> {
    read::ReadyQuery { cuda_bytes: None, ..any_ready() }
}

#[tokio::test]
async fn a_chain_runs_to_its_end() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), reader("b", &[0]), reader("c", &[0, 1])]).await;
    assert_eq!(bench.states(sweep).await, "ready blocked blocked");
    bench.run(jobs[0], success("a")).await;
    assert_eq!(bench.states(sweep).await, "succeeded ready blocked");
    let granted = bench.grant(&[jobs[1]]).await.remove(0);
    assert_eq!(granted.inputs, [vec![blob("model.onnx", "a")]]);
    assert_eq!(granted.spec_json, r#"{"stage":"b"}"#);
    bench.finish(granted.token, success("b")).await;
    let granted = bench.grant(&[jobs[2]]).await.remove(0);
    assert_eq!(granted.inputs, [vec![blob("model.onnx", "a")], vec![blob("model.onnx", "b")]]);
    assert_eq!(bench.sweep_state(sweep).await, "active");
    bench.finish(granted.token, success("c")).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished");
    let points = read::points_of(&bench.store, sweep).await.unwrap();
    assert_eq!(points.iter().map(|row| row.stage.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(points[0].metrics_json, r#"{"accuracy":0.5}"#);
    assert_eq!((points[0].host.as_deref(), points[0].attempt), (Some("host"), 1));
}

#[tokio::test]
async fn many_are_granted_and_finished_together() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit((0..50).map(|i| job(&format!("s{i}"))).collect()).await;
    let granted = bench.grant(&jobs).await;
    assert_eq!(granted.iter().map(|g| g.token.job).collect::<Vec<_>>(), jobs);
    let reports = granted.iter().map(|g| report::Report {
        token: g.token,
        spooled: None,
        body: Body::Finished { end: success(""), usage: Usage::ran(0.0) },
    });
    assert_eq!(bench.reports(reports.collect()).await.unwrap(), [Recorded::Effective; 50]);
    assert_eq!(bench.sweep_state(sweep).await, "finished");
    assert_eq!(bench.number("SELECT count(*) FROM events WHERE what = 'succeeded'").await, 50);
}

#[tokio::test]
async fn what_reads_a_failed_job_is_skipped_however_far() {
    let bench = bench().await;
    let other = NewJob { retries: 0, ..job("a") };
    let (sweep, jobs) = bench.submit(vec![other, reader("b", &[0]), reader("c", &[1]), job("d")]).await;
    bench.run(jobs[0], failure(FailureClass::Internal)).await;
    assert_eq!(bench.states(sweep).await, "failed skipped skipped ready");
    assert_eq!(bench.sweep_state(sweep).await, "active");
    bench.run(jobs[3], success("d")).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
    let row = bench.row(jobs[0]).await;
    assert_eq!((row.failure_class.as_deref(), row.message.as_str()), (Some("internal"), "it was internal"));
}

#[tokio::test]
async fn a_failure_waits_before_it_is_tried_again_and_retries_run_out() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    bench.run(jobs[0], failure(FailureClass::OutOfMemory)).await;
    assert_eq!(bench.states(sweep).await, "ready");
    let due = |now_ms| read::ReadyQuery { now_ms, ..all() };
    let now = bench.clock.unix_ms();
    assert_eq!(bench.store.ready(due(now + 999)).await.unwrap().len(), 0);
    assert_eq!(bench.store.ready(due(now + 1000)).await.unwrap().len(), 1);
    let second = bench.run(jobs[0], failure(FailureClass::OutOfMemory)).await;
    assert_eq!(second.attempt, 2);
    assert_eq!(bench.states(sweep).await, "failed");
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
}

#[tokio::test]
async fn a_failure_that_must_repeat_is_not_tried_again() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![NewJob { retries: 5, ..job("a") }]).await;
    bench.run(jobs[0], failure(FailureClass::BadInput)).await;
    assert_eq!(bench.states(sweep).await, "failed");
}

#[tokio::test]
async fn interruptions_and_refusals_spend_no_retry() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![NewJob { retries: 0, ..job("a") }]).await;
    for _ in 0..3 {
        bench.run(jobs[0], End::Interrupted { reason: "drained".to_owned() }).await;
        let token = bench.token(jobs[0]).await;
        bench.report(token, Body::Refused { reason: "no memory".to_owned() }).await;
        assert_eq!(bench.row(jobs[0]).await.message, "no memory");
    }
    assert_eq!(bench.states(sweep).await, "ready");
    assert_eq!(bench.run(jobs[0], success("a")).await.attempt, 7);
    assert_eq!(bench.sweep_state(sweep).await, "finished");
}

#[tokio::test]
async fn the_next_attempt_is_given_the_two_newest_checkpoints() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    for epoch in 1..=3 {
        let files = vec![blob("state", &format!("{epoch}"))];
        // Between epochs no step of the next one is done.
        bench.report(token, Body::Checkpoint { epoch, step: 0, files }).await;
    }
    bench.finish(token, End::Interrupted { reason: String::new() }).await;
    let again = bench.grant(&jobs).await.remove(0);
    let kept: Vec<_> = again.checkpoints.iter().map(|c| (c.epoch, c.step, c.files.clone())).collect();
    assert_eq!(kept, [(3, 0, vec![blob("state", "3")]), (2, 0, vec![blob("state", "2")])]);
    let epochs = vec![Epoch { epoch: 4, epochs: 9, phase: String::new(), metrics: [("loss".to_owned(), 1.5)].into() }];
    bench.report(again.token, Body::Progress { epochs, resumed: Some((3, 0)) }).await;
    let row = bench.row(jobs[0]).await;
    assert_eq!((row.resumed_epoch, row.epoch, row.epochs), (3, 4, 9));
    assert_eq!(row.metrics_json, r#"{"loss":1.5}"#);
    bench.finish(again.token, success("a")).await;
    assert_eq!(bench.number("SELECT count(*) FROM checkpoints").await, 0, "a succeeded job needs none");
}

#[tokio::test]
async fn ready_jobs_come_by_sweep_and_id_and_only_where_they_fit() {
    let bench = bench().await;
    let (_, first) =
        bench.submit(vec![NewJob { needs: [(1, Needs::alike(100))].into(), ..job("big") }, job("small")]).await;
    let cuda = NewJob { device: Some(sweep_shared::resources::DeviceClass::Cuda), ..job("cuda") };
    let (_, second) = bench.submit(vec![job("late"), cuda, NewJob { exclusive: true, ..job("measure") }]).await;
    let ids = |ready: Vec<read::Ready>| ready.into_iter().map(|ready| ready.job).collect::<Vec<_>>();
    let of = async |query| ids(bench.store.ready(query).await.unwrap());
    assert_eq!(of(all()).await, [first[0], first[1], second[0]]);
    assert_eq!(of(read::ReadyQuery { cpu_bytes: Some(99), ..all() }).await, [first[1], second[0]]);
    assert_eq!(
        of(read::ReadyQuery { cuda_bytes: Some(1), cpu_bytes: None, ..all() }).await,
        [first[1], second[0], second[1]]
    );
    assert_eq!(of(read::ReadyQuery { limit: 1, ..all() }).await, [first[0]]);
    assert_eq!(of(read::ReadyQuery { exclusive: true, ..all() }).await, [second[2]]);
    let only = [SweepId(2)].into();
    assert_eq!(of(read::ReadyQuery { served: Some(&only), ..all() }).await, [second[0]]);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_restart() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), reader("b", &[0])]).await;
    let token = bench.token(jobs[0]).await;
    bench.clock.advance(Duration::from_secs(5));
    let bench = bench.restart().await;
    assert_eq!(bench.states(sweep).await, "running blocked");
    let live = read::live(&bench.store).await.unwrap();
    assert_eq!(live.iter().map(|row| row.token).collect::<Vec<_>>(), [token]);
    assert!(live[0].wanted && live[0].has_readers);
    assert_eq!(bench.finish(token, success("a")).await, Recorded::Effective);
    assert_eq!(bench.states(sweep).await, "succeeded ready");
}

/// Ten thousand jobs in one transaction; how long that takes is told by `examples/store_rate.rs`.
#[tokio::test]
async fn a_large_plan_is_one_commit() {
    let bench = bench().await;
    let mut changes = bench.store.watch();
    let mut jobs = vec![job("first")];
    jobs.extend((1..10_000).map(|i| reader(&format!("s{i}"), &[0])));
    let (sweep, ids) = bench.submit(jobs).await;
    assert_eq!(ids.len(), 10_000);
    assert!(changes.try_recv().unwrap().sweeps.contains(&sweep));
    assert!(changes.try_recv().is_err());
    bench.run(ids[0], success("first")).await;
    assert_eq!(bench.store.sweep(sweep).await.unwrap().counts["ready"], 9_999);
}
