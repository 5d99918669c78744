//! Setting aside and taking up again.

use sweep_shared::states::FailureClass;

use super::super::report::{Body, End, Recorded};
use super::super::testing::*;
use super::super::*;

fn stopped() -> End {
    End::Interrupted { reason: "paused".to_owned() }
}

#[tokio::test]
async fn nothing_of_a_paused_sweep_is_granted_and_what_runs_is_told_to_stop() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), job("b"), reader("c", &[0])]).await;
    let token = bench.token(jobs[0]).await;
    let mut changes = bench.store.watch();
    assert_eq!(bench.store.write(pause(sweep)).await.unwrap(), 3);
    assert_eq!(changes.recv().await.unwrap().interrupted, [(jobs[0], "paused".to_owned())]);
    assert_eq!(bench.store.write(pause(sweep)).await.unwrap(), 0, "it is so already");
    assert!(bench.store.sweep(sweep).await.unwrap().paused);
    assert_eq!(bench.grant(&jobs).await, [], "also for one who read the queue before");
    assert_eq!(bench.steal(&jobs, vec![token]).await, [], "nor is anything stolen");
    bench.finish(token, stopped()).await;
    assert_eq!(bench.states(sweep).await, "ready ready blocked");
    assert_eq!(bench.row(jobs[0]).await.message, "paused");
    assert_eq!(bench.store.write(resume(sweep)).await.unwrap(), 3);
    assert_eq!(bench.store.write(resume(sweep)).await.unwrap(), 0);
    assert_eq!(bench.grant(&jobs).await.len(), 2);
}

#[tokio::test]
async fn a_paused_job_keeps_its_place_and_what_its_attempt_still_finishes() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), reader("b", &[0]), job("c")]).await;
    let token = bench.token(jobs[0]).await;
    for job in &jobs {
        assert_eq!(bench.store.write(pause(*job)).await.unwrap(), 1);
        assert_eq!(bench.store.write(pause(*job)).await.unwrap(), 0);
    }
    assert_eq!(bench.states(sweep).await, "paused paused paused");
    assert_eq!(bench.row(jobs[2]).await.message, "paused by alice@laptop");
    assert_eq!(bench.grant(&jobs).await, []);
    assert_eq!(bench.steal(&jobs, vec![token]).await, [], "a paused job is not stolen");
    let live = read::live(&bench.store).await.unwrap();
    assert!(live[0].wanted && live[0].stop.as_deref() == Some("paused"));
    assert_eq!(bench.finish(token, success("a")).await, Recorded::Effective, "it was too late to stop it");
    assert_eq!(bench.states(sweep).await, "succeeded paused paused");
    bench.store.write(resume(jobs[1])).await.unwrap();
    bench.store.write(resume(jobs[2])).await.unwrap();
    assert_eq!(bench.states(sweep).await, "succeeded ready ready");
}

#[tokio::test]
async fn a_paused_job_that_obeys_stays_paused_and_goes_on_where_it_was() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), reader("b", &[0])]).await;
    let token = bench.token(jobs[0]).await;
    bench.store.write(pause(jobs[0])).await.unwrap();
    bench.finish(token, stopped()).await;
    assert_eq!(bench.states(sweep).await, "paused blocked");
    assert_eq!(bench.row(jobs[0]).await.message, "paused by alice@laptop");
    bench.store.write(resume(jobs[0])).await.unwrap();
    assert_eq!(bench.states(sweep).await, "ready blocked");
    let token = bench.token(jobs[0]).await;
    bench.store.write(pause(jobs[0])).await.unwrap();
    assert_eq!(bench.store.write(resume(jobs[0])).await.unwrap(), 1);
    assert_eq!(bench.states(sweep).await, "running blocked", "its attempt has not stopped yet");
    bench.finish(token, stopped()).await;
    assert_eq!(bench.states(sweep).await, "ready blocked");
}

#[tokio::test]
async fn failures_of_a_paused_job_count_and_the_last_one_ends_it() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), reader("b", &[0])]).await;
    for after in ["paused blocked", "failed skipped"] {
        let token = bench.token(jobs[0]).await;
        bench.store.write(pause(jobs[0])).await.unwrap();
        bench.finish(token, failure(FailureClass::Internal)).await;
        assert_eq!(bench.states(sweep).await, after);
        let _ = bench.store.write(resume(jobs[0])).await;
    }
    let refused = bench.store.write(resume(jobs[0])).await.unwrap_err();
    assert_eq!(refused.to_string(), "job j1 is failed already");
    assert_eq!(bench.store.write(pause(jobs[0])).await.unwrap_err().to_string(), "job j1 is failed already");
}

#[tokio::test]
async fn a_paused_reader_of_a_failed_job_is_skipped() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![NewJob { retries: 0, ..job("a") }, reader("b", &[0])]).await;
    bench.store.write(pause(jobs[1])).await.unwrap();
    bench.run(jobs[0], failure(FailureClass::Internal)).await;
    assert_eq!(bench.states(sweep).await, "failed skipped");
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
}

#[tokio::test]
async fn a_cancelled_attempt_does_not_come_back_by_a_pause() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    bench.store.write(cancel(jobs[0])).await.unwrap();
    bench.store.write(retry(jobs[0])).await.unwrap();
    bench.store.write(pause(jobs[0])).await.unwrap();
    bench.finish(token, success("too late")).await;
    assert_eq!(bench.states(sweep).await, "paused");
    bench.store.write(resume(jobs[0])).await.unwrap();
    assert_eq!(bench.states(sweep).await, "ready");
    assert_eq!(bench.number("SELECT count(*) FROM points").await, 0);
}

#[tokio::test]
async fn agents_that_come_back_hear_what_must_stop() {
    let bench = bench().await;
    let (first, one) = bench.submit(vec![job("a"), job("b")]).await;
    let (_, two) = bench.submit(vec![job("c")]).await;
    let tokens: Vec<_> = bench.grant(&[one[0], one[1], two[0]]).await.iter().map(|granted| granted.token).collect();
    bench.store.write(pause(one[1])).await.unwrap();
    let back = bench.hello(AGENT, SPOOL, tokens.clone()).await;
    assert_eq!(back.keep, tokens, "a paused job's attempt is still wanted");
    assert_eq!(back.interrupt, [(tokens[1], "paused".to_owned())]);
    bench.store.write(pause(first)).await.unwrap();
    let back = bench.hello(AGENT, SPOOL, tokens.clone()).await;
    assert_eq!(back.interrupt.iter().map(|(token, _)| *token).collect::<Vec<_>>(), tokens[..2]);
}

#[tokio::test]
async fn a_paused_job_whose_agent_stays_away_is_freed_for_nobody() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    bench.report(token, Body::Accepted).await;
    bench.store.write(pause(jobs[0])).await.unwrap();
    bench.store.write(Release { tokens: vec![token], why: Why::Expired }).await.unwrap();
    assert_eq!(bench.states(sweep).await, "paused");
    assert_eq!(bench.number("SELECT losses FROM jobs").await, 1);
    assert_eq!(bench.finish(token, success("late")).await, Recorded::Stale);
}

#[tokio::test]
async fn a_job_that_only_its_sweep_holds_back_says_so() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    assert_eq!(bench.store.write(resume(jobs[0])).await.unwrap(), 0);
    bench.store.write(pause(sweep)).await.unwrap();
    let refused = bench.store.write(resume(jobs[0])).await.unwrap_err();
    assert_eq!(refused.to_string(), "job j1 is not paused by itself, but its sweep s1 is: resume s1");
}

#[tokio::test]
async fn what_is_over_is_neither_paused_nor_resumed() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    bench.store.write(pause(sweep)).await.unwrap();
    bench.finish(token, success("a")).await;
    let row = bench.store.sweep(sweep).await.unwrap();
    assert_eq!((row.state.as_str(), row.paused), ("finished", false));
    assert_eq!(bench.store.write(pause(sweep)).await.unwrap_err().to_string(), "sweep s1 is finished already");
    assert_eq!(bench.store.write(resume(sweep)).await.unwrap_err().to_string(), "sweep s1 is finished already");
    assert_eq!(bench.store.write(pause(jobs[0])).await.unwrap_err().to_string(), "job j1 is succeeded already");
}
