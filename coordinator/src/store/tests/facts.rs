//! What explanations are made from, as the database has it.

use std::time::Duration;

use sweep_shared::states::{AttemptState, FailureClass, JobState};

use super::super::read::job_facts;
use super::super::testing::*;
use super::super::*;

#[tokio::test]
async fn a_waiting_job_knows_its_inputs_its_place_and_its_wait() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), job("b"), reader("c", &[0, 1])]).await;
    let facts = job_facts(&bench.store, jobs[2]).await.unwrap();
    let inputs: Vec<_> = facts.inputs.iter().map(|input| (input.job, input.stage.as_str(), input.state)).collect();
    assert_eq!(inputs, [(jobs[0], "a", JobState::Ready), (jobs[1], "b", JobState::Ready)]);
    assert_eq!((facts.state, facts.sweep.id), (JobState::Blocked, sweep));
    assert_eq!(job_facts(&bench.store, jobs[1]).await.unwrap().ahead, 1);
    let set = SetPriority { target: jobs[1].into(), priority: 1, actor: ME.to_owned() };
    bench.store.write(set).await.unwrap();
    assert_eq!(job_facts(&bench.store, jobs[1]).await.unwrap().ahead, 0);
    bench.run(jobs[0], failure(FailureClass::Internal)).await;
    bench.clock.advance(Duration::from_millis(400));
    let facts = job_facts(&bench.store, jobs[0]).await.unwrap();
    assert_eq!((facts.wait, facts.failures, facts.retries), (Some(Duration::from_millis(600)), 1, 1));
    let last = facts.last.unwrap();
    assert_eq!((last.number, last.state, last.class), (1, AttemptState::Failed, Some(FailureClass::Internal)));
    assert_eq!((last.agent.as_str(), last.ended), (AGENT, Some(Duration::from_millis(400))));
}

#[tokio::test]
async fn a_running_job_knows_its_epoch_and_its_checkpoint() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    let epoch =
        |epoch| sweep_shared::event::Epoch { epoch, epochs: 9, phase: String::new(), metrics: Default::default() };
    let progress = report::Body::Progress { epochs: vec![epoch(1), epoch(2)], resumed: None };
    bench.report(token, progress).await;
    bench.report(token, report::Body::Checkpoint { epoch: 1, step: 0, files: vec![blob("state", "x")] }).await;
    bench.clock.advance(Duration::from_secs(3));
    let facts = job_facts(&bench.store, jobs[0]).await.unwrap();
    assert_eq!((facts.epoch, facts.checkpoint), ((2, 9), Some((1, Duration::from_secs(3)))));
}

#[tokio::test]
async fn who_paused_what_and_when() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), job("b")]).await;
    let pause = |target: Target, actor: &str| Pause { target, actor: actor.to_owned() };
    bench.store.write(pause(jobs[0].into(), "alice")).await.unwrap();
    bench.clock.advance(Duration::from_secs(5));
    bench.store.write(pause(sweep.into(), "bob")).await.unwrap();
    let facts = job_facts(&bench.store, jobs[0]).await.unwrap();
    let (own, whole) = (facts.paused.unwrap(), facts.sweep.paused.unwrap());
    assert_eq!((own.by.as_str(), own.ago), ("alice", Some(Duration::from_secs(5))));
    assert_eq!((whole.by.as_str(), whole.ago, whole.reason.as_str()), ("bob", Some(Duration::ZERO), ""));
    assert!(job_facts(&bench.store, jobs[1]).await.unwrap().paused.is_none());
}

#[tokio::test]
async fn a_skipped_job_knows_what_it_is_skipped_for() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a"), reader("b", &[0]), reader("c", &[1])]).await;
    bench.run(jobs[0], failure(FailureClass::BadInput)).await;
    let culprit = job_facts(&bench.store, jobs[2]).await.unwrap().culprit.unwrap();
    assert_eq!((culprit.job, culprit.class), (jobs[0], Some(FailureClass::BadInput)), "not the one in between");
    let unknown = job_facts(&bench.store, sweep_shared::ids::JobId(99)).await.unwrap_err();
    assert_eq!(unknown.to_string(), "job j99 does not exist");
}

#[tokio::test]
async fn what_was_set_aside_in_two_ways_goes_on_when_both_are_undone() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    bench.token(jobs[0]).await;
    let me = || ME.to_owned();
    bench.store.write(Pause { target: jobs[0].into(), actor: me() }).await.unwrap();
    bench.store.write(Pause { target: sweep.into(), actor: me() }).await.unwrap();
    let mut changes = bench.store.watch();
    bench.store.write(Resume { target: sweep.into(), actor: me() }).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().resumed, [], "it is paused itself");
    bench.store.write(Pause { target: sweep.into(), actor: me() }).await.unwrap();
    changes.recv().await.unwrap();
    bench.store.write(Resume { target: jobs[0].into(), actor: me() }).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().resumed, [], "its sweep is paused");
    bench.store.write(Resume { target: sweep.into(), actor: me() }).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().resumed, [jobs[0]]);
}

#[test]
fn of_a_pause_and_a_resume_in_one_commit_the_last_counts() {
    let job = sweep_shared::ids::JobId(1);
    let pause = || Changes { interrupted: vec![(job, "paused".to_owned())], ..Changes::default() };
    let resume = || Changes { resumed: vec![job], ..Changes::default() };
    let mut both = pause();
    both.absorb(resume());
    assert_eq!((both.interrupted.len(), both.resumed.len()), (0, 1));
    both.absorb(pause());
    assert_eq!((both.interrupted.len(), both.resumed.len()), (1, 0));
}
