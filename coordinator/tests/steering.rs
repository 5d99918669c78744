//! What users set and stop while agents run: pauses, priorities, drains, hours and budgets, over real gRPC.

mod support;

use std::time::Duration;

use support::{Agent, cancelled, commands, failure, hello, interrupted, resumable, site, success};
use sweep_shared::wire::v1;
use v1::agent_message::Body as Say;
use v1::coordinator_message::Body as Hear;

fn sweep(sweep: i64) -> v1::TargetRequest {
    v1::TargetRequest { sweep, job: 0 }
}

fn job(job: i64) -> v1::TargetRequest {
    v1::TargetRequest { sweep: 0, job }
}

#[tokio::test]
async fn a_paused_sweeps_attempts_stop_with_a_checkpoint_and_nothing_of_it_begins_until_it_is_resumed() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&resumable(3)).await;
    let (first, second) = (agent.assigned().await.token, agent.assigned().await.token);
    user.sweeps.pause(sweep(made.sweep)).await.unwrap();
    let mut told = [agent.interrupt().await, agent.interrupt().await];
    told.sort_by_key(|(token, _)| token.job);
    assert_eq!(told, [(first.unwrap(), "paused".to_owned()), (second.unwrap(), "paused".to_owned())]);
    for token in [first, second] {
        let seq = agent.report(interrupted(token));
        agent.acked(seq).await;
    }
    site.pass(Duration::from_secs(30)).await;
    let explained = user.explain(1).await;
    assert_eq!(explained.job.unwrap().state, "ready");
    assert!(explained.reasons[0].starts_with("Its sweep s1 is paused, by user"), "{:?}", explained.reasons);
    user.sweeps.resume(sweep(made.sweep)).await.unwrap();
    let again = agent.assigned().await.token.unwrap();
    assert_eq!((again.job, again.attempt), (1, 2), "nothing was said in between");
}

#[tokio::test]
async fn a_paused_jobs_attempt_may_still_succeed_and_that_counts() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&resumable(1)).await;
    let token = agent.assigned().await.token;
    user.sweeps.pause(job(1)).await.unwrap();
    assert_eq!(agent.interrupt().await.0, token.unwrap());
    agent.report(success(token, vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn a_paused_job_is_not_stolen_and_its_agent_is_told_when_it_comes_back() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&resumable(1)).await;
    let token = agent.assigned().await.token.unwrap();
    agent.cut();
    user.sweeps.pause(job(1)).await.unwrap();
    let mut other = site.agent("other").await;
    site.pass(Duration::from_mins(3)).await;
    let mut back = Agent::connect(&site, "a", vec![token]).await;
    assert_eq!(back.welcome.keep, [token], "nobody else began it");
    assert_eq!(back.interrupt().await, (token, "paused".to_owned()));
    // Away again; what is resumed meanwhile may be taken over by others.
    back.cut();
    site.pass(Duration::from_secs(20)).await;
    user.sweeps.resume(job(1)).await.unwrap();
    other.beat();
    let next = other.assigned().await.token.unwrap();
    assert_eq!((next.job, next.attempt), (1, 2));
    assert_eq!(user.status(made.sweep).await.jobs[0].state, "running");
}

#[tokio::test]
async fn resumed_while_the_agent_was_away_it_is_not_told_to_stop() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&resumable(1)).await;
    let token = agent.assigned().await.token.unwrap();
    agent.cut();
    user.sweeps.pause(sweep(made.sweep)).await.unwrap();
    user.sweeps.resume(sweep(made.sweep)).await.unwrap();
    let mut back = Agent::connect(&site, "a", vec![token]).await;
    assert_eq!(back.welcome.keep, [token]);
    let seq = back.report(success(Some(token), vec![]));
    back.acked(seq).await;
}

#[tokio::test]
async fn one_job_of_lower_priority_gives_way_to_one_that_is_more_urgent() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&resumable(3)).await;
    let (_first, second) = (agent.assigned().await.token, agent.assigned().await.token);
    user.submit(&format!("priority: 5\n{}", commands(1).replace("test", "urgent"))).await;
    let (victim, reason) = agent.interrupt().await;
    assert_eq!((victim, reason.as_str()), (second.unwrap(), "preempted by j4"), "the youngest loses least");
    let explained = user.explain(4).await;
    assert_eq!(
        explained.reasons[0], "j2 has been told to make room for it: it writes a checkpoint and stops.",
        "{explained:?}"
    );
    // Not a second one, however often it is thought about.
    site.pass(Duration::from_secs(8)).await;
    let seq = agent.report(interrupted(second));
    agent.acked(seq).await;
    assert_eq!(
        agent.assigned().await.token.unwrap().job,
        4,
        "not the third job, and the agent is not thought to leave"
    );
}

#[tokio::test]
async fn a_command_without_checkpoints_is_left_to_finish() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&commands(2)).await;
    let (first, _second) = (agent.assigned().await.token, agent.assigned().await.token);
    user.submit(&format!("priority: 5\n{}", commands(1).replace("test", "urgent"))).await;
    site.pass(Duration::from_secs(8)).await;
    let seq = agent.report(success(first, vec![]));
    agent.acked(seq).await;
    assert_eq!(agent.assigned().await.token.unwrap().job, 3);
}

#[tokio::test]
async fn a_priority_set_while_jobs_run_decides_who_gives_way() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let first = user.submit(&resumable(2)).await;
    let (one, _two) = (agent.assigned().await.token, agent.assigned().await.token);
    let second = user.submit(&resumable(2).replace("test", "second")).await;
    user.sweeps.set_priority(v1::PriorityRequest { sweep: 0, job: 1, priority: -1 }).await.unwrap();
    assert_eq!(agent.interrupt().await, (one.unwrap(), "preempted by j3".to_owned()));
    let counts = user.status(first.sweep).await.sweep.unwrap().counts;
    assert_eq!(counts["running"], 2, "it runs until it has stopped");
    assert_eq!(user.status(second.sweep).await.sweep.unwrap().counts["ready"], 2);
}

#[tokio::test]
async fn an_agent_that_is_drained_leaves_and_its_work_goes_on_elsewhere() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&resumable(3)).await;
    let (first, second) = (agent.assigned().await.token, agent.assigned().await.token);
    user.sweeps.drain_agent(v1::DrainRequest { agent: "a".to_owned() }).await.unwrap();
    let Hear::Drain(drain) = agent.next().await else { panic!() };
    assert!(!drain.reason.is_empty());
    let explained = user.explain(3).await;
    assert_eq!(explained.reasons, ["a is about to leave, and gets no more work."]);
    let mut other = site.agent("other").await;
    assert_eq!(other.assigned().await.token.unwrap().job, 3);
    for token in [first, second] {
        let seq = agent.report(interrupted(token));
        agent.acked(seq).await;
    }
    assert_eq!(other.assigned().await.token.unwrap().job, 1);
    agent.say(Say::Goodbye(v1::Goodbye { reason: "drained".to_owned() }));
    agent.ended().await;
    let mut back = Agent::with(&site, v1::Hello { incarnation: 2, ..hello("a", vec![]) }).await;
    assert_eq!(back.assigned().await.token.unwrap().job, 2, "it is welcome again");
}

#[tokio::test]
async fn an_agent_that_is_drained_while_it_is_away_is_told_when_it_comes_back() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&resumable(1)).await;
    let token = agent.assigned().await.token.unwrap();
    agent.cut();
    user.sweeps.drain_agent(v1::DrainRequest { agent: "a".to_owned() }).await.unwrap();
    let mut back = Agent::connect(&site, "a", vec![token]).await;
    assert!(matches!(back.next().await, Hear::Drain(_)));
    let site = site.restart().await;
    let mut back = Agent::connect(&site, "a", vec![token]).await;
    assert!(matches!(back.next().await, Hear::Drain(_)), "the wish outlives the coordinator");
}

#[tokio::test]
async fn a_job_that_runs_for_longer_than_it_may_fails_and_its_slot_is_held_until_it_is_dead() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let plan = commands(3).replace("stages:", "defaults: { max_hours: 0.01 }\nstages:");
    let made = user.submit(&plan).await;
    let (first, second) = (agent.assigned().await.token, agent.assigned().await.token);
    agent.begins(first).await;
    site.pass(Duration::from_secs(30)).await;
    agent.begins(second).await;
    site.pass(Duration::from_secs(8)).await;
    assert_eq!(agent.next().await, Hear::Cancel(v1::Cancel { token: first }), "the second began later");
    let failed = user.status(made.sweep).await.jobs.remove(0);
    assert_eq!((failed.state.as_str(), failed.failure_class.as_str()), ("failed", "timed_out"));
    let seq = agent.report(cancelled(first));
    agent.acked(seq).await;
    assert_eq!(agent.assigned().await.token.unwrap().job, 3);
}

#[tokio::test]
async fn a_sweep_whose_budget_is_spent_is_paused_until_a_user_goes_on_regardless() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&format!("budget: {{ cpu_hours: 0.01 }}\n{}", resumable(1))).await;
    let token = agent.assigned().await.token;
    agent.begins(token).await;
    site.pass(Duration::from_secs(50)).await;
    assert_eq!(agent.interrupt().await, (token.unwrap(), "paused".to_owned()));
    let summary = user.status(made.sweep).await.sweep.unwrap();
    assert!(summary.paused);
    assert_eq!(summary.paused_reason, "its budget of 0.01 CPU-hours is spent");
    let seq = agent.report(interrupted(token));
    agent.acked(seq).await;
    user.sweeps.resume(sweep(made.sweep)).await.unwrap();
    assert_eq!(agent.assigned().await.token.unwrap().attempt, 2);
    site.pass(Duration::from_secs(50)).await;
    assert!(!user.status(made.sweep).await.sweep.unwrap().paused);
}

#[tokio::test]
async fn a_device_that_failed_under_a_job_is_not_tried_again_for_it() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    let seq = agent.report(failure(token, "device_error"));
    agent.acked(seq).await;
    let explained = user.explain(1).await;
    assert!(explained.reasons[1].contains("failed under it, and is not tried again for"), "{explained:?}");
    // Nor by the next coordinator.
    let site = site.restart().await;
    let mut same = site.agent("a").await;
    let mut other = site.agent("other").await;
    let next = other.assigned().await.token;
    assert_eq!(next.unwrap().attempt, 2);
    other.report(success(next, vec![]));
    let mut user = site.user().await;
    let more = user.submit(&commands(2).replace("test", "more")).await;
    assert_eq!(more.jobs, 2);
    same.assigned().await;
}

#[tokio::test]
async fn an_attempt_that_only_uploads_has_given_its_slot_free() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(3)).await;
    let (first, second) = (agent.assigned().await.token, agent.assigned().await.token);
    agent.say(Say::Finishing(v1::Finishing { token: first }));
    let third = agent.assigned().await.token;
    assert_eq!(third.unwrap().job, 3);
    for token in [second, third, first] {
        agent.report(success(token, vec![]));
    }
    assert_eq!(user.end(made.sweep).await, "finished");
}
