//! Tokens, spools, and agents that come and go.

use sweep_shared::ids::Token;
use sweep_shared::resources::Usage;
use sweep_shared::states::FailureClass;

use super::super::report::{Body, End, Recorded, Report};
use super::super::testing::*;
use super::super::*;

fn spooled(seq: u64, token: Token, end: End) -> Report {
    Report { token, spooled: Some((SPOOL.to_owned(), seq)), body: Body::Finished { end, usage: Usage::ran(1.0) } }
}

#[tokio::test]
async fn only_the_newest_attempts_report_counts() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let old = bench.token(jobs[0]).await;
    assert_eq!(bench.grant(&jobs).await, [], "a running job is not granted again");
    let new = bench.steal(&jobs, vec![old]).await[0].token;
    assert_eq!(new.attempt, 2);
    assert_eq!(bench.finish(old, success("old")).await, Recorded::Stale);
    assert_eq!(bench.states(sweep).await, "running");
    assert_eq!(bench.number("SELECT count(*) FROM points").await, 0);
    assert_eq!(bench.finish(new, success("new")).await, Recorded::Effective);
    assert_eq!(
        bench.finish(new, failure(FailureClass::Internal)).await,
        Recorded::Stale,
        "an ended attempt never changes"
    );
    assert_eq!(bench.states(sweep).await, "succeeded");
    assert_eq!(bench.number("SELECT count(*) FROM attempts WHERE state = 'stale'").await, 1);
}

#[tokio::test]
async fn a_right_number_with_a_wrong_lease_is_worth_nothing() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    let forged = Token { lease: token.lease ^ 1, ..token };
    assert_eq!(bench.finish(forged, success("forged")).await, Recorded::Stale);
    assert_eq!(bench.steal(&jobs, vec![forged]).await, []);
    assert_eq!(bench.states(sweep).await, "running");
}

#[tokio::test]
async fn a_replayed_report_is_refused_by_its_number() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![NewJob { retries: 3, ..job("a") }]).await;
    let token = bench.token(jobs[0]).await;
    bench.reports(vec![spooled(1, token, failure(FailureClass::Internal))]).await.unwrap();
    let again = bench.reports(vec![spooled(1, token, failure(FailureClass::Internal))]).await.unwrap_err();
    assert!(matches!(again, StoreError::Refused(_)), "{again}");
    let gap = bench.reports(vec![spooled(3, token, success(""))]).await.unwrap_err();
    assert!(matches!(gap, StoreError::Refused(_)), "{gap}");
    assert_eq!(bench.number("SELECT failures FROM jobs").await, 1);
    assert_eq!(bench.states(sweep).await, "ready");
    assert_eq!(bench.hello(AGENT, SPOOL, vec![]).await.acked_seq, 1);
    assert_eq!(bench.hello(AGENT, "another", vec![]).await.acked_seq, 0);
}

#[tokio::test]
async fn a_stale_report_still_moves_its_spool_on() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let old = bench.token(jobs[0]).await;
    bench.steal(&jobs, vec![old]).await;
    assert_eq!(bench.reports(vec![spooled(1, old, success(""))]).await.unwrap(), [Recorded::Stale]);
    assert_eq!(bench.hello(AGENT, SPOOL, vec![]).await.acked_seq, 1);
}

#[tokio::test]
async fn hello_keeps_what_may_go_on_and_frees_what_is_gone() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), job("b"), job("c"), job("d")]).await;
    let granted = bench.grant(&jobs).await;
    let token = |i: usize| granted[i].token;
    bench.report(token(1), Body::Accepted).await;
    bench.store.write(cancel(jobs[2])).await.unwrap();
    // a: here. b: accepted, and gone. c: here, but cancelled meanwhile. d: granted, and never arrived.
    let reconciled = bench.hello(AGENT, SPOOL, vec![token(0), token(2)]).await;
    assert_eq!(reconciled.keep, [token(0)]);
    assert_eq!(bench.states(sweep).await, "running ready cancelled ready");
    assert_eq!(bench.number("SELECT sum(losses) FROM jobs").await, 1, "what never arrived is no loss");
    assert_eq!(bench.finish(token(2), End::Cancelled).await, Recorded::Stale);
    assert_eq!(bench.finish(token(0), success("a")).await, Recorded::Effective);
}

#[tokio::test]
async fn another_agents_attempts_are_left_alone() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    bench.token(jobs[0]).await;
    bench.hello("agent-2", "spool-2", vec![]).await;
    assert_eq!(bench.states(sweep).await, "running");
}

#[tokio::test]
async fn a_job_that_kills_its_hosts_is_given_up() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![NewJob { retries: 0, ..job("a") }, reader("b", &[0])]).await;
    for _ in 0..MOST_LOSSES {
        let token = bench.token(jobs[0]).await;
        bench.report(token, Body::Accepted).await;
        bench.hello(AGENT, SPOOL, vec![]).await;
        assert_eq!(bench.states(sweep).await, "ready blocked");
    }
    let last = bench.token(jobs[0]).await;
    assert_eq!(bench.steal(&jobs[..1], vec![last]).await, []);
    assert_eq!(bench.states(sweep).await, "failed skipped");
    assert_eq!(bench.row(jobs[0]).await.failure_class.as_deref(), Some("lost"));
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
}

#[tokio::test]
async fn goodbye_frees_at_once_and_spends_nothing() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    bench.store.write(Release { tokens: vec![token], why: Why::Goodbye }).await.unwrap();
    assert_eq!(bench.states(sweep).await, "ready");
    assert_eq!(bench.number("SELECT losses + failures FROM jobs").await, 0);
    assert_eq!(bench.finish(token, success("late")).await, Recorded::Stale);
}
