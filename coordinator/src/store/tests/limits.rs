//! Hours and budgets.

use sweep_shared::plan::Budget;
use sweep_shared::resources::{DeviceClass, Usage};
use sweep_shared::states::FailureClass;

use super::super::report::{Body, End, Recorded};
use super::super::testing::*;
use super::super::*;

const HOUR: f64 = 3600.0;

#[tokio::test]
async fn a_job_that_ran_for_too_long_has_failed_at_once_and_its_attempt_is_to_be_killed() {
    let bench = bench().await;
    let limited = NewJob { max_hours: Some(0.5), retries: 9, ..job("a") };
    let (sweep, jobs) = bench.submit(vec![limited, reader("b", &[0])]).await;
    let token = bench.token(jobs[0]).await;
    bench.report(token, Body::Accepted).await;
    let mut changes = bench.store.watch();
    assert_eq!(bench.store.write(Expire { tokens: vec![token] }).await.unwrap(), [jobs[0]]);
    assert_eq!(changes.recv().await.unwrap().cancelled, [jobs[0]]);
    assert_eq!(bench.states(sweep).await, "failed skipped");
    let row = bench.row(jobs[0]).await;
    assert_eq!(row.failure_class.as_deref(), Some("timed_out"));
    assert_eq!(row.message, "it ran for longer than its max_hours of 0.5");
    assert_eq!(bench.store.write(Expire { tokens: vec![token] }).await.unwrap(), [], "it is over");
    assert_eq!(bench.finish(token, success("late")).await, Recorded::Effective);
    assert_eq!(bench.states(sweep).await, "failed skipped");
    assert_eq!(bench.number("SELECT count(*) FROM attempts WHERE state = 'cancelled'").await, 1);
}

#[tokio::test]
async fn a_retry_allows_the_hours_anew() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![NewJob { max_hours: Some(1.0), ..job("a") }]).await;
    let token = bench.token(jobs[0]).await;
    let interrupted = End::Interrupted { reason: String::new() };
    bench.report(token, Body::Finished { end: interrupted, usage: Usage::ran(1800.0) }).await;
    let second = bench.grant(&jobs).await.remove(0);
    assert_eq!((second.max_hours, second.spent_s), (Some(1.0), 1800.0));
    bench.store.write(Expire { tokens: vec![second.token] }).await.unwrap();
    bench.finish(second.token, End::Cancelled).await;
    bench.store.write(retry(jobs[0])).await.unwrap();
    assert_eq!(bench.grant(&jobs).await[0].spent_s, 0.0);
}

#[tokio::test]
async fn a_job_without_a_limit_never_expires() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    assert_eq!(bench.store.write(Expire { tokens: vec![token] }).await.unwrap(), []);
    assert_eq!(bench.states(sweep).await, "running");
}

async fn budgeted(bench: &Bench, gpu_hours: f64) -> (sweep_shared::ids::SweepId, Vec<sweep_shared::ids::JobId>) {
    let budget = Budget { gpu_hours: Some(gpu_hours), cpu_hours: None };
    let made = bench.store.write(Submit { budget, ..plan(vec![job("a"), job("b")]) }).await.unwrap();
    (made.sweep, bench.ids(made.sweep).await)
}

#[tokio::test]
async fn a_sweep_whose_budget_is_spent_is_paused_until_a_user_goes_on() {
    let bench = bench().await;
    let (sweep, jobs) = budgeted(&bench, 2.0).await;
    let (other, _) = bench.submit(vec![job("x")]).await;
    let first = bench.grant_on(DeviceClass::Cuda, jobs[0]).await;
    bench.report(first, Body::Finished { end: failure(FailureClass::Internal), usage: Usage::ran(1.5 * HOUR) }).await;
    let live = bench.grant_on(DeviceClass::Cuda, jobs[1]).await;
    let overspend = |held_s: f64| bench.store.write(Overspend { held: vec![(live, held_s)] });
    assert_eq!(overspend(0.4 * HOUR).await.unwrap(), []);
    let mut changes = bench.store.watch();
    assert_eq!(overspend(0.5 * HOUR).await.unwrap(), [sweep]);
    assert_eq!(changes.recv().await.unwrap().interrupted, [(jobs[1], "paused".to_owned())]);
    let row = bench.store.sweep(sweep).await.unwrap();
    assert!(row.paused && !bench.store.sweep(other).await.unwrap().paused);
    assert_eq!(row.paused_reason, "its budget of 2 GPU-hours is spent");
    assert_eq!(overspend(9.0 * HOUR).await.unwrap(), [], "it is paused already");
    bench.store.write(resume(sweep)).await.unwrap();
    assert_eq!(overspend(9.0 * HOUR).await.unwrap(), [], "the user knows");
    let row = bench.store.sweep(sweep).await.unwrap();
    assert!(!row.paused && row.paused_reason.is_empty());
}

#[tokio::test]
async fn other_devices_hours_are_no_gpu_hours() {
    let bench = bench().await;
    let (sweep, jobs) = budgeted(&bench, 1.0).await;
    let token = bench.token(jobs[0]).await;
    bench.report(token, Body::Finished { end: success("a"), usage: Usage::ran(5.0 * HOUR) }).await;
    assert_eq!(bench.store.write(Overspend { held: vec![] }).await.unwrap(), []);
    let row = bench.store.sweep(sweep).await.unwrap();
    assert_eq!((row.gpu_hours, row.cpu_hours, row.budget.gpu_hours), (0.0, 5.0, Some(1.0)));
}

#[tokio::test]
async fn a_pause_by_a_user_waives_nothing() {
    let bench = bench().await;
    let (sweep, jobs) = budgeted(&bench, 1.0).await;
    bench.store.write(pause(sweep)).await.unwrap();
    bench.store.write(resume(sweep)).await.unwrap();
    let token = bench.grant_on(DeviceClass::Cuda, jobs[0]).await;
    assert_eq!(bench.store.write(Overspend { held: vec![(token, HOUR)] }).await.unwrap(), [sweep]);
}
