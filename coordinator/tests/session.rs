//! Sessions over real gRPC, with agents that follow a script.

mod support;

use std::time::Duration;

use support::{Agent, chain, commands, failure, heard, hello, interrupted, open, site, success};
use sweep_shared::wire::v1;
use v1::agent_message::Body as Say;
use v1::coordinator_message::Body as Hear;

#[tokio::test]
async fn a_plan_goes_through_an_agent_to_its_results() {
    let site = site().await;
    let mut user = site.user().await;
    let mut agent = site.agent("a").await;
    let made = user.submit(&chain()).await;
    assert_eq!((made.created, made.jobs), (true, 2));
    let first = agent.assigned().await;
    assert!(first.spec_json.contains(r#""stage":"first""#) && first.inputs.is_empty());
    agent.say(Say::Accept(v1::Accept { token: first.token }));
    let file = v1::File { name: "model.bin".to_owned(), ..user.upload(b"a model").await };
    let seq = agent.report(success(first.token, vec![file.clone()]));
    agent.acked(seq).await;
    let second = agent.assigned().await;
    assert_eq!(second.inputs, [v1::Input { files: vec![file.clone()] }]);
    agent.report(success(second.token, vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");

    let results = user.sweeps.results(v1::SweepRequest { sweep: 0, ..Default::default() }).await.unwrap().into_inner();
    let point = &results.points[0];
    assert_eq!((point.stage.as_str(), point.point.as_str(), point.host.as_str()), ("first", "main", "host"));
    assert_eq!(point.metrics_json, r#"{"accuracy":0.5}"#);
    assert_eq!(point.files[0].hash, file.hash);
    assert!(point.files[0].path.ends_with("results/s1/first/model.bin"), "{}", point.files[0].path);
    assert_eq!(std::fs::read(&point.files[0].path).unwrap(), b"a model");
    site.running.shutdown().await;
}

#[tokio::test]
async fn assignments_go_no_further_than_the_slots() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let made = site.user().await.submit(&commands(5)).await;
    let (first, second) = (agent.assigned().await, agent.assigned().await);
    assert_eq!((first.token.unwrap().job, second.token.unwrap().job), (1, 2));
    let status = site.user().await.status(made.sweep).await.sweep.unwrap();
    assert_eq!((status.counts["running"], status.counts["ready"]), (2, 3));
    // Only the end of one makes room for the next.
    let seq = agent.report(success(second.token, vec![]));
    agent.acked(seq).await;
    assert_eq!(agent.assigned().await.token.unwrap().job, 3);
}

#[tokio::test]
async fn two_agents_share_the_work() {
    let site = site().await;
    let (mut one, mut two) = (site.agent("one").await, site.agent("two").await);
    site.user().await.submit(&commands(2)).await;
    let jobs = [one.assigned().await.token.unwrap().job, two.assigned().await.token.unwrap().job];
    assert_eq!(jobs, [1, 2]);
}

#[tokio::test]
async fn another_protocol_version_is_told_in_words() {
    let site = site().await;
    let (_to, mut from) = open(&site, v1::Hello { protocol_version: 99, ..hello("a", vec![]) }).await.unwrap();
    let Hear::Refused(refused) = heard(from.message()).await.unwrap().unwrap().body.unwrap() else { panic!() };
    assert!(refused.reason.contains("protocol version 1, the agent 99"), "{}", refused.reason);
    assert!(heard(from.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_second_machine_with_the_same_identity_is_refused() {
    let site = site().await;
    let mut first = site.agent("a").await;
    let other = v1::Hello { host: "elsewhere".to_owned(), boot_id: "other".to_owned(), ..hello("a", vec![]) };
    let (_to, mut from) = open(&site, other).await.unwrap();
    let Hear::Refused(refused) = heard(from.message()).await.unwrap().unwrap().body.unwrap() else { panic!() };
    assert!(refused.reason.contains("agent a is connected already, from host"), "{}", refused.reason);
    site.user().await.submit(&commands(1)).await;
    first.assigned().await;
}

#[tokio::test]
async fn without_the_token_nothing_is_answered() {
    let site = site().await;
    let channel = tonic::transport::Endpoint::from_shared(site.running.url()).unwrap().connect().await.unwrap();
    let mut stranger = v1::sweeps_client::SweepsClient::new(channel.clone());
    let refused = stranger.list(v1::ListRequest { limit: 1 }).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    let mut thief = v1::sweeps_client::SweepsClient::with_interceptor(channel, support::Bearer("guess".to_owned()));
    let refused = thief.list(v1::ListRequest { limit: 1 }).await.unwrap_err();
    assert!(refused.message().contains("sweep tokens create"), "{}", refused.message());
}

#[tokio::test]
async fn a_reconnected_agent_keeps_its_attempts_and_replays_its_spool() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(2)).await;
    let (first, second) = (agent.assigned().await, agent.assigned().await);
    let seq = agent.report(success(first.token, vec![]));
    agent.acked(seq).await;
    agent.cut();
    let tokens = vec![first.token.unwrap(), second.token.unwrap()];
    let mut back = Agent::connect(&site, "a", tokens).await;
    assert_eq!((back.welcome.acked_seq, back.welcome.keep.clone()), (1, vec![second.token.unwrap()]));
    // The acknowledgement might have been lost: the same report again has no effect but an answer.
    back.repeat(seq, success(first.token, vec![]));
    back.acked(seq).await;
    back.report(success(second.token, vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");
    let attempts: Vec<u32> = user.status(made.sweep).await.jobs.iter().map(|job| job.attempt).collect();
    assert_eq!(attempts, [1, 1]);
}

#[tokio::test]
async fn what_a_restarted_agent_no_longer_has_is_given_out_again_at_once() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    site.user().await.submit(&commands(1)).await;
    let lost = agent.assigned().await.token.unwrap();
    agent.cut();
    let mut back = Agent::with(&site, v1::Hello { incarnation: 2, ..hello("a", vec![]) }).await;
    assert_eq!(back.welcome.keep, []);
    let again = back.assigned().await.token.unwrap();
    assert_eq!((again.job, again.attempt), (lost.job, lost.attempt + 1));
}

#[tokio::test]
async fn a_silent_agents_work_is_stolen_only_when_the_grace_is_over_and_then_its_reports_are_stale() {
    let site = site().await;
    let mut gone = site.agent("gone").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let old = gone.assigned().await.token.unwrap();
    gone.cut();
    let mut other = site.agent("other").await;
    site.pass(Duration::from_secs(14)).await;
    assert_eq!(user.status(made.sweep).await.jobs[0].attempt, 1);
    site.pass(Duration::from_secs(2)).await;
    let new = other.assigned().await.token.unwrap();
    assert_eq!((new.job, new.attempt), (old.job, 2));
    // The old one comes back with its work done: too late.
    let mut back = Agent::connect(&site, "gone", vec![old]).await;
    assert_eq!(back.welcome.keep, []);
    let seq = back.report(success(Some(old), vec![]));
    back.acked(seq).await;
    assert_eq!(user.status(made.sweep).await.jobs[0].state, "running");
    other.report(success(Some(new), vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn work_that_outlived_the_lease_counts_while_nobody_else_began_it() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let token = agent.assigned().await.token.unwrap();
    agent.cut();
    site.pass(Duration::from_hours(1)).await;
    let mut back = Agent::connect(&site, "a", vec![token]).await;
    assert_eq!(back.welcome.keep, [token]);
    back.report(success(Some(token), vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn a_coordinator_that_was_itself_away_gives_everyone_a_fresh_grace() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let token = agent.assigned().await.token.unwrap();
    agent.cut();
    let _other = site.agent("other").await;
    site.clock.advance(Duration::from_hours(1));
    site.pass(Duration::from_secs(10)).await;
    assert_eq!(user.status(made.sweep).await.jobs[0].attempt, 1, "the silence during its own absence proves nothing");
    let back = Agent::connect(&site, "a", vec![token]).await;
    assert_eq!(back.welcome.keep, [token]);
}

#[tokio::test]
async fn a_restarted_coordinator_goes_on_with_what_runs() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let made = site.user().await.submit(&commands(3)).await;
    let (first, second) = (agent.assigned().await.token.unwrap(), agent.assigned().await.token.unwrap());
    let seq = agent.report(success(Some(first), vec![]));
    agent.acked(seq).await;
    let third = agent.assigned().await.token.unwrap();
    let site = site.restart().await;
    agent.ended().await;
    let mut user = site.user().await;
    let mut back = Agent::connect(&site, "a", vec![second, third]).await;
    assert_eq!(back.welcome.keep, [second, third]);
    back.report(success(Some(second), vec![]));
    back.report(success(Some(third), vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn a_cancel_reaches_the_agent_and_holds_whatever_it_reports() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(3)).await;
    let (first, second) = (agent.assigned().await.token.unwrap(), agent.assigned().await.token.unwrap());
    let changed =
        user.sweeps.cancel(v1::TargetRequest { sweep: made.sweep, job: 0 }).await.unwrap().into_inner().changed;
    assert_eq!(changed, 3);
    let mut cancelled = Vec::new();
    for _ in 0..2 {
        let Hear::Cancel(cancel) = agent.next().await else { panic!() };
        cancelled.push(cancel.token.unwrap());
    }
    cancelled.sort_by_key(|token| token.job);
    assert_eq!(cancelled, [first, second]);
    let seq = agent.report(success(Some(first), vec![]));
    agent.acked(seq).await;
    assert_eq!(user.end(made.sweep).await, "cancelled");
    // The second attempt still holds its slot: of two new jobs only one is given out, until it is confirmed dead.
    user.submit(&chain()).await;
    user.submit("name: more\nstages: { more: { command: { run: [/bin/false] } } }\n").await;
    agent.assigned().await;
    let end = v1::finished::End::Cancelled(true);
    let seq = agent.report(Say::Finished(v1::Finished {
        token: Some(second),
        end: Some(end),
        run_s: 0.0,
        ..Default::default()
    }));
    agent.acked(seq).await;
    agent.assigned().await;
}

#[tokio::test]
async fn a_cancel_given_while_the_agent_is_away_is_delivered_when_it_comes_back() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let token = agent.assigned().await.token.unwrap();
    agent.cut();
    user.sweeps.cancel(v1::TargetRequest { sweep: made.sweep, job: 0 }).await.unwrap();
    let back = Agent::connect(&site, "a", vec![token]).await;
    assert_eq!(back.welcome.keep, []);
}

#[tokio::test]
async fn a_report_waits_for_its_blobs() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&chain()).await;
    let token = agent.assigned().await.token;
    let hash = sweep_shared::ids::ContentHash::of(b"a model").to_string();
    let file = v1::File { name: "model.bin".to_owned(), hash: hash.clone(), size_bytes: 7 };
    let seq = agent.report(success(token, vec![file.clone()]));
    assert_eq!(agent.next().await, Hear::Missing(v1::Missing { seq, hashes: vec![hash] }));
    // What follows in the spool waits as well, and comes again in order.
    agent.repeat(seq + 1, interrupted(token));
    assert_eq!(user.status(made.sweep).await.jobs[0].state, "running");
    user.upload(b"a model").await;
    agent.repeat(seq, success(token, vec![file]));
    agent.acked(seq).await;
    assert_eq!(user.status(made.sweep).await.jobs[0].state, "succeeded");
}

#[tokio::test]
async fn the_next_attempt_goes_on_from_the_uploaded_checkpoint() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    let file = v1::File { name: "state".to_owned(), ..user.upload(b"weights").await };
    let ready = v1::CheckpointReady { token, epoch: 3, step: 30, files: vec![file.clone()] };
    agent.report(Say::CheckpointReady(ready));
    let seq = agent.report(interrupted(token));
    agent.acked(seq).await;
    agent.cut();
    let mut other = site.agent("other").await;
    let assign = other.assigned().await;
    assert_eq!(assign.checkpoints, [v1::Checkpoint { epoch: 3, step: 30, files: vec![file] }]);
    let epoch = v1::Epoch { epoch: 4, epochs: 8, phase: String::new(), metrics_json: r#"{"loss":1.0}"#.to_owned() };
    let resumed = Some(v1::Resumed { epoch: 3, step: 30 });
    let (token, message, epochs) = (assign.token, "half".to_owned(), vec![epoch]);
    let progress = v1::Progress { token, fraction: 0.5, message, epochs, resumed, ..Default::default() };
    let mut watch = user.watch(made.sweep).await;
    other.say(Say::Progress(progress));
    loop {
        let event = heard(watch.message()).await.unwrap().unwrap();
        if let v1::watch_event::Body::Job(job) = event.body.unwrap()
            && job.epoch == 4
        {
            assert_eq!((job.fraction, job.message.as_str(), job.resumed_from), (0.5, "half", 3));
            assert_eq!(job.metrics_json, r#"{"loss":1.0}"#);
            break;
        }
    }
}

#[tokio::test]
async fn a_failure_is_tried_again_and_a_refusal_goes_elsewhere() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let first = agent.assigned().await.token;
    let seq = agent.report(failure(first, "internal"));
    agent.acked(seq).await;
    let second = agent.assigned().await.token;
    assert_eq!(second.unwrap().attempt, 2);
    let mut other = site.agent("b").await;
    agent.say(Say::Refuse(v1::Refuse { token: second, reason: "no memory".to_owned() }));
    let third = other.assigned().await.token;
    assert_eq!(third.unwrap().attempt, 3);
    other.report(failure(third, "bad_input"));
    assert_eq!(user.end(made.sweep).await, "finished_with_failures");
    let job = user.status(made.sweep).await.jobs.remove(0);
    assert_eq!((job.state.as_str(), job.failure_class.as_str(), job.message.as_str()), ("failed", "bad_input", "boom"));
}

#[tokio::test]
async fn a_report_that_cannot_be_read_fails_its_attempt_and_does_not_block_the_spool() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit("name: t\ndefaults: { retries: 0 }\nstages: { a: { command: { run: [x] } } }\n").await;
    let token = agent.assigned().await.token;
    let seq = agent.report(Say::Finished(v1::Finished { token, end: None, run_s: 1.0, ..Default::default() }));
    agent.acked(seq).await;
    assert_eq!(user.end(made.sweep).await, "finished_with_failures");
    let message = user.status(made.sweep).await.jobs.remove(0).message;
    assert!(message.contains("the agent's report could not be read"), "{message}");
}

#[tokio::test]
async fn goodbye_gives_the_work_to_others_at_once() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut other = site.agent("b").await;
    site.user().await.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    agent.report(interrupted(token));
    agent.say(Say::Goodbye(v1::Goodbye { reason: "drained".to_owned() }));
    assert_eq!(other.assigned().await.token.unwrap().attempt, 2);
}

#[tokio::test]
async fn logs_are_kept_and_followed() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    let chunk = |offset, data: &str| Say::Log(v1::LogChunk { token, offset, data: data.as_bytes().to_vec() });
    agent.say(chunk(0, "hello "));
    let request = v1::LogsRequest { job: 1, attempt: 0, follow: true };
    let mut log = user.sweeps.logs(request).await.unwrap().into_inner();
    let mut text = String::new();
    while text != "hello " {
        text += std::str::from_utf8(&heard(log.message()).await.unwrap().unwrap().data).unwrap();
    }
    // A new session goes on where the coordinator's copy ends.
    let mut agent = Agent::connect(&site, "a", vec![token.unwrap()]).await;
    assert_eq!(agent.welcome.logs, [v1::LogLength { token, bytes: 6 }]);
    agent.say(chunk(6, "world"));
    let seq = agent.report(success(token, vec![]));
    agent.acked(seq).await;
    while let Some(piece) = heard(log.message()).await.unwrap() {
        text += std::str::from_utf8(&piece.data).unwrap();
    }
    assert_eq!(text, "hello world");
}

#[tokio::test]
async fn agents_are_listed_connected_or_not() {
    let site = site().await;
    let mut user = site.user().await;
    let agent = site.agent("a").await;
    let listed = user.sweeps.list_agents(v1::ListRequest { limit: 0 }).await.unwrap().into_inner().agents;
    assert_eq!(
        (listed[0].id.as_str(), listed[0].connected, listed[0].slots, listed[0].devices.len()),
        ("a", true, 2, 1)
    );
    agent.say(Say::Goodbye(v1::Goodbye { reason: String::new() }));
    agent.ended().await;
    let listed = user.sweeps.list_agents(v1::ListRequest { limit: 0 }).await.unwrap().into_inner().agents;
    assert!(!listed[0].connected);
}
