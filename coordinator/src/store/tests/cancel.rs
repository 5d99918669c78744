//! What users do.

use sweep_shared::states::FailureClass;

use super::super::report::{End, Recorded};
use super::super::testing::*;
use super::super::*;

#[tokio::test]
async fn a_cancelled_sweep_is_over_at_once_and_late_reports_do_not_count() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), job("b"), reader("c", &[0])]).await;
    let token = bench.token(jobs[0]).await;
    bench.run(jobs[1], success("b")).await;
    let mut changes = bench.store.watch();
    assert_eq!(bench.store.write(cancel(sweep)).await.unwrap(), 2);
    assert_eq!(bench.states(sweep).await, "cancelled succeeded cancelled");
    assert_eq!(bench.sweep_state(sweep).await, "cancelled");
    assert_eq!(changes.recv().await.unwrap().cancelled, [jobs[0], jobs[2]]);
    assert_eq!(bench.finish(token, success("a")).await, Recorded::Effective);
    assert_eq!(bench.states(sweep).await, "cancelled succeeded cancelled");
    assert_eq!(bench.number("SELECT count(*) FROM points").await, 1, "a late success publishes nothing");
    assert_eq!(bench.number("SELECT count(*) FROM attempts WHERE state = 'cancelled'").await, 1);
    let again = bench.store.write(cancel(sweep)).await.unwrap_err();
    assert_eq!(again.to_string(), "sweep s1 is cancelled already");
}

#[tokio::test]
async fn cancelling_a_job_skips_what_reads_it_and_ends_the_sweep() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), reader("b", &[0])]).await;
    bench.store.write(cancel(jobs[0])).await.unwrap();
    assert_eq!(bench.states(sweep).await, "cancelled skipped");
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
    let unknown = bench.store.write(cancel(sweep_shared::ids::JobId(99))).await.unwrap_err();
    assert_eq!(unknown.to_string(), "job j99 does not exist");
}

#[tokio::test]
async fn a_retried_sweep_goes_on_where_it_stands() {
    let bench = bench().await;
    let failing = NewJob { retries: 0, ..job("b") };
    let (sweep, jobs) = bench.submit(vec![job("a"), failing, reader("c", &[0, 1])]).await;
    bench.run(jobs[0], success("a")).await;
    bench.run(jobs[1], failure(FailureClass::Diverged)).await;
    assert_eq!(bench.states(sweep).await, "succeeded failed skipped");
    assert_eq!(bench.store.write(retry(sweep)).await.unwrap(), 2);
    assert_eq!(bench.states(sweep).await, "succeeded ready blocked");
    assert_eq!(bench.sweep_state(sweep).await, "active");
    assert_eq!(bench.row(jobs[1]).await.failure_class, None);
    bench.run(jobs[1], success("b")).await;
    bench.run(jobs[2], success("c")).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished");
    assert_eq!(bench.store.write(retry(sweep)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_retried_job_brings_back_what_was_skipped_for_it_and_nothing_else() {
    let bench = bench().await;
    let once = |stage: &str| NewJob { retries: 0, ..job(stage) };
    let both = NewJob { retries: 0, ..reader("c", &[0, 1]) };
    let (sweep, jobs) = bench.submit(vec![once("a"), once("b"), both, reader("d", &[0])]).await;
    bench.run(jobs[0], failure(FailureClass::Internal)).await;
    bench.run(jobs[1], failure(FailureClass::Internal)).await;
    assert_eq!(bench.states(sweep).await, "failed failed skipped skipped");
    let refused = bench.store.write(retry(jobs[2])).await.unwrap_err();
    assert_eq!(refused.to_string(), "job j3 needs job j1, which did not succeed: retry j1");
    assert_eq!(bench.states(sweep).await, "failed failed skipped skipped");
    bench.store.write(retry(jobs[0])).await.unwrap();
    // c still waits for b, which failed.
    assert_eq!(bench.states(sweep).await, "ready failed skipped blocked");
    let running = bench.store.write(retry(jobs[0])).await.unwrap_err();
    assert_eq!(running.to_string(), "job j1 is ready: there is nothing to retry");
}

#[tokio::test]
async fn a_job_retried_while_its_cancelled_attempt_lives_waits_for_its_end() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    bench.store.write(cancel(jobs[0])).await.unwrap();
    bench.store.write(retry(jobs[0])).await.unwrap();
    assert_eq!(bench.states(sweep).await, "ready");
    assert_eq!(bench.grant(&jobs).await, []);
    assert_eq!(bench.finish(token, End::Cancelled).await, Recorded::Effective);
    assert_eq!(bench.states(sweep).await, "ready");
    assert_eq!(bench.run(jobs[0], success("a")).await.attempt, 2);
    assert_eq!(bench.sweep_state(sweep).await, "finished");
}
