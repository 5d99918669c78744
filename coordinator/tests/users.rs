//! What users change and ask, over gRPC: pause, resume, priorities, drain, the audit log, attempts.

mod support;

use support::{Site, User, chain, commands, heard, interrupted, site, success};
use sweep_shared::wire::{ACTOR_HEADER, v1};
use tonic::{Code, Request};

fn sweep(sweep: i64) -> v1::TargetRequest {
    v1::TargetRequest { sweep, job: 0 }
}

fn job(job: i64) -> v1::TargetRequest {
    v1::TargetRequest { sweep: 0, job }
}

/// All rows, as (actor, what, job).
async fn log(user: &mut User, request: v1::EventsRequest) -> Vec<(String, String, i64)> {
    let mut rows = user.sweeps.events(request).await.unwrap().into_inner();
    let mut log = Vec::new();
    while let Some(row) = heard(rows.message()).await.unwrap() {
        log.push((row.actor, row.what, row.job));
    }
    log
}

fn events(sweep: i64, job: i64) -> v1::EventsRequest {
    v1::EventsRequest { sweep, job, limit: 100, ..Default::default() }
}

/// A coordinator with a sweep of two chained jobs.
async fn chained() -> (Site, User, i64) {
    let site = site().await;
    let mut user = site.user().await;
    let made = user.submit(&chain()).await;
    (site, user, made.sweep)
}

#[tokio::test]
async fn a_paused_sweep_is_shown_as_such_and_pausing_twice_changes_nothing() {
    let (_site, mut user, id) = chained().await;
    assert_eq!(user.sweeps.pause(sweep(id)).await.unwrap().into_inner().changed, 2);
    assert_eq!(user.sweeps.pause(sweep(id)).await.unwrap().into_inner().changed, 0);
    let summary = user.status(id).await.sweep.unwrap();
    assert!(summary.paused && summary.paused_reason.is_empty());
    assert_eq!(user.sweeps.resume(sweep(id)).await.unwrap().into_inner().changed, 2);
    assert_eq!(user.sweeps.resume(sweep(id)).await.unwrap().into_inner().changed, 0);
    assert!(!user.status(id).await.sweep.unwrap().paused);
}

#[tokio::test]
async fn a_watcher_is_told_of_a_pause() {
    let (_site, mut user, id) = chained().await;
    let mut watch = user.watch(id).await;
    heard(watch.message()).await.unwrap().unwrap();
    user.sweeps.pause(sweep(id)).await.unwrap();
    loop {
        match heard(watch.message()).await.unwrap().unwrap().body.unwrap() {
            v1::watch_event::Body::Sweep(sweep) if sweep.paused => break,
            v1::watch_event::Body::Snapshot(status) if status.sweep.as_ref().unwrap().paused => break,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_job_is_paused_by_itself_and_says_by_whom() {
    let (_site, mut user, id) = chained().await;
    let mut request = Request::new(job(1));
    request.metadata_mut().insert(ACTOR_HEADER, "alice@laptop".parse().unwrap());
    assert_eq!(user.sweeps.pause(request).await.unwrap().into_inner().changed, 1);
    let jobs = user.status(id).await.jobs;
    assert_eq!((jobs[0].state.as_str(), jobs[1].state.as_str()), ("paused", "blocked"));
    assert_eq!(jobs[0].message, "paused by alice@laptop");
    user.sweeps.resume(job(1)).await.unwrap();
    assert_eq!(user.status(id).await.jobs[0].state, "ready");
    let refused = user.sweeps.pause(job(99)).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "job j99 does not exist"));
}

#[tokio::test]
async fn a_target_is_one_sweep_or_one_job() {
    let (_site, mut user, id) = chained().await;
    for (sweep, job) in [(0, 0), (id, 1), (-1, 0)] {
        let refused = user.sweeps.pause(v1::TargetRequest { sweep, job }).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "name either a sweep or a job"));
    }
}

#[tokio::test]
async fn priorities_of_sweep_and_job_add_up() {
    let (_site, mut user, id) = chained().await;
    user.sweeps.set_priority(v1::PriorityRequest { sweep: id, job: 0, priority: 10 }).await.unwrap();
    user.sweeps.set_priority(v1::PriorityRequest { sweep: 0, job: 2, priority: -3 }).await.unwrap();
    let status = user.status(id).await;
    assert_eq!(status.sweep.unwrap().priority, 10);
    assert_eq!((status.jobs[0].priority, status.jobs[1].priority), (10, 7));
}

#[tokio::test]
async fn the_plans_priority_budget_and_limits_are_kept() {
    let site = site().await;
    let mut user = site.user().await;
    let plan = "name: p\npriority: 4\nbudget: { gpu_hours: 40 }\ndefaults: { priority: 1 }\n\
                stages: { a: { command: { run: [x] } }, b: { command: { run: [y] }, priority: -1 } }\n";
    let made = user.submit(plan).await;
    let status = user.status(made.sweep).await;
    let summary = status.sweep.unwrap();
    assert_eq!((summary.priority, summary.budget_gpu_hours, summary.budget_cpu_hours), (4, 40.0, 0.0));
    assert_eq!((summary.gpu_hours, summary.cpu_hours), (0.0, 0.0));
    assert_eq!((status.jobs[0].priority, status.jobs[1].priority), (5, 3));
}

#[tokio::test]
async fn the_log_names_who_asked_and_is_read_by_sweep_and_by_job() {
    let (_site, mut user, id) = chained().await;
    let other = user.submit(&commands(1)).await;
    let mut request = Request::new(sweep(id));
    request.metadata_mut().insert(ACTOR_HEADER, "alice@laptop".parse().unwrap());
    user.sweeps.pause(request).await.unwrap();
    user.sweeps.cancel(job(2)).await.unwrap();
    let rows = log(&mut user, events(id, 0)).await;
    let expected =
        [("user", "submit", 0), ("alice@laptop", "pause", 0), ("user", "cancel", 2), ("sweep", "cancelled", 2)];
    let rows: Vec<(&str, &str, i64)> = rows.iter().map(|(a, w, j)| (a.as_str(), w.as_str(), *j)).collect();
    assert_eq!(rows, expected);
    assert_eq!(log(&mut user, events(0, 2)).await.len(), 2);
    assert_eq!(log(&mut user, events(other.sweep, 0)).await.len(), 1);
    let all = log(&mut user, events(0, 0)).await;
    assert_eq!(all.len(), 5);
    assert_eq!(log(&mut user, v1::EventsRequest { limit: 2, ..Default::default() }).await, all[3..]);
    assert_eq!(log(&mut user, v1::EventsRequest { limit: 2, after: 1, ..Default::default() }).await, all[1..3]);
    let refused = user.sweeps.events(events(0, 99)).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "job j99 does not exist"));
}

#[tokio::test]
async fn a_follower_of_the_log_is_told_of_each_row_once_and_let_go_at_the_end() {
    let (site, mut user, id) = chained().await;
    let mut rows = user.sweeps.events(v1::EventsRequest { follow: true, ..events(id, 0) }).await.unwrap().into_inner();
    let mut told = Vec::new();
    let agent = site.agent("a").await;
    user.sweeps.pause(sweep(id)).await.unwrap();
    user.sweeps.resume(sweep(id)).await.unwrap();
    while told.last().is_none_or(|what| what != "resume") {
        told.push(heard(rows.message()).await.unwrap().unwrap().what);
    }
    let count = |what: &str| told.iter().filter(|word| *word == what).count();
    assert_eq!((count("submit"), count("pause"), count("resume")), (1, 1, 1), "{told:?}");
    // What concerns no sweep is in the whole log.
    let all = log(&mut user, events(0, 0)).await;
    assert!(all.iter().any(|(_, what, _)| what == "agent_joined"), "{all:?}");
    drop(agent);
    heard(site.running.shutdown()).await;
    while let Ok(Some(_)) = heard(rows.message()).await {}
}

#[tokio::test]
async fn attempts_are_told_with_what_they_went_on_from() {
    let site = site().await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let mut agent = site.agent("a").await;
    let first = agent.assigned().await.token;
    let file = v1::File { name: "state".to_owned(), ..user.upload(b"checkpoint").await };
    let checkpoint = v1::CheckpointReady { token: first, epoch: 3, step: 0, files: vec![file] };
    let seq = agent.report(v1::agent_message::Body::CheckpointReady(checkpoint));
    agent.acked(seq).await;
    agent.report(interrupted(first));
    // An agent that interrupts its work is about to leave.
    let mut other = site.agent("b").await;
    let second = other.assigned().await.token;
    let resumed = Some(v1::Resumed { epoch: 3, step: 0 });
    let progress = v1::Progress { token: second, resumed, ..Default::default() };
    other.say(v1::agent_message::Body::Progress(progress));
    other.report(success(second, vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");

    let request = v1::SweepRequest { sweep: made.sweep, attempts: true, job: 0 };
    let all = user.sweeps.status(request).await.unwrap().into_inner();
    let one = user.sweeps.status(v1::SweepRequest { job: 1, ..Default::default() }).await.unwrap().into_inner();
    assert_eq!((&all.jobs, all.sweep.unwrap().id), (&one.jobs, one.sweep.unwrap().id));
    let attempts = &all.jobs[0].attempts;
    let shown: Vec<_> =
        attempts.iter().map(|a| (a.number, a.state.as_str(), a.resumed_attempt, a.resumed_epoch)).collect();
    assert_eq!(shown, [(1, "interrupted", 0, 0), (2, "succeeded", 1, 3)]);
    assert_eq!((attempts[1].agent.as_str(), attempts[1].device.as_str(), attempts[1].run_s), ("b", "cpu", 1.0));
    assert!(user.status(made.sweep).await.jobs[0].attempts.is_empty(), "they were not asked for");
}

#[tokio::test]
async fn draining_is_shown_and_told_once() {
    let site = site().await;
    let mut user = site.user().await;
    let agent = site.agent("a").await;
    let drain = |agent: &str| v1::DrainRequest { agent: agent.to_owned() };
    assert_eq!(user.sweeps.drain_agent(drain("a")).await.unwrap().into_inner().changed, 1);
    assert_eq!(user.sweeps.drain_agent(drain("a")).await.unwrap().into_inner().changed, 0);
    let listed = user.sweeps.list_agents(v1::ListRequest { limit: 0 }).await.unwrap().into_inner().agents;
    assert!(listed[0].draining);
    let refused = user.sweeps.drain_agent(drain("b")).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "agent b does not exist"));
    drop(agent);
}

#[tokio::test]
async fn a_watcher_forgets_what_an_amended_plan_dropped() {
    let site = site().await;
    let mut user = site.user().await;
    let made = user.submit(&commands(2)).await;
    let mut watch = user.watch(made.sweep).await;
    heard(watch.message()).await.unwrap().unwrap();
    let plan = "name: test\nstages:\n  work: { command: { run: [/bin/true] }, matrix: { i: [2, 3] } }\n".to_owned();
    let request = v1::SubmitRequest { plan_yaml: plan, amend: made.sweep, ..Default::default() };
    let amended = user.try_submit(request).await.unwrap();
    assert_eq!((amended.kept, amended.added, amended.dropped, amended.created), (1, 1, 1, false));
    loop {
        let event = heard(watch.message()).await.unwrap().unwrap().body.unwrap();
        if let v1::watch_event::Body::Snapshot(status) = event {
            assert_eq!(status.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [2, 3]);
            break;
        }
    }
    // Whoever asks for the dropped job by its id still sees what became of it.
    let one = user.sweeps.status(v1::SweepRequest { job: 1, ..Default::default() }).await.unwrap().into_inner();
    assert_eq!(one.jobs[0].state, "cancelled");
    let other = v1::SubmitRequest { plan_yaml: commands(1), amend: 99, ..Default::default() };
    let refused = user.try_submit(other).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "sweep s99 does not exist"));
}

#[tokio::test]
async fn a_goodbye_counts_although_the_connection_is_closed_right_behind_it() {
    let site = site().await;
    let mut user = site.user().await;
    user.submit(&commands(1)).await;
    // Whether both arrive together is a matter of luck, so there are several of them.
    for round in 1..=6 {
        let mut agent = site.agent(&format!("a{round}")).await;
        assert_eq!(agent.assigned().await.token.unwrap().attempt, round);
        agent.say(v1::agent_message::Body::Goodbye(v1::Goodbye { reason: "drained".to_owned() }));
        agent.leave().await;
    }
    let mut last = site.agent("last").await;
    assert_eq!(last.assigned().await.token.unwrap().attempt, 7);
    let left = log(&mut user, events(0, 0)).await.into_iter().filter(|(_, what, _)| what == "agent_left");
    assert_eq!(left.count(), 6);
}
