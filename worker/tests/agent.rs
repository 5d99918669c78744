//! A whole agent with a scripted coordinator: real sockets, real processes, a real disk.

mod support;

use std::fs;

use support::*;
use sweep_shared::ids::ContentHash;
use sweep_shared::spec::{EvaluateSpec, JobSpec, Protocol, StageKind};
use sweep_shared::wire::v1::agent_message::Body;
use sweep_shared::wire::v1::coordinator_message::Body as Say;
use sweep_shared::wire::v1::{self, finished::End};
use sweep_worker::{Agent, AgentError, Shutdown};

fn success(finished: &v1::Finished) -> &v1::Success {
    match finished.end.as_ref().unwrap() {
        End::Success(success) => success,
        other => panic!("{other:?}"),
    }
}

fn failure(finished: &v1::Finished) -> (&str, &str) {
    match finished.end.as_ref().unwrap() {
        End::Failure(failure) => (&failure.class, &failure.message),
        other => panic!("{other:?}"),
    }
}

fn log_of(said: &[Body]) -> String {
    let chunks = said.iter().filter_map(|body| if let Body::Log(chunk) = body { Some(chunk) } else { None });
    let mut log = Vec::new();
    for chunk in chunks {
        assert_eq!(chunk.offset, log.len() as u64, "in order and without gaps");
        log.extend_from_slice(&chunk.data);
    }
    String::from_utf8(log).unwrap()
}

#[tokio::test]
async fn a_command_runs_in_its_folder_with_its_files_and_its_outputs_arrive() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    assert_eq!(session.hello.devices.last().unwrap().class, "cpu");
    assert_eq!(session.hello.incarnation, 1);

    let script = coordinator
        .blobs
        .put(b"#!/bin/sh\necho \"$SWEEP_JOB $SWEEP_SEED $SWEEP_TOKEN\"\nmkdir out; cat data.txt > out/made\n");
    let data = coordinator.blobs.put(b"forty-two");
    let mut job = command(&["./run.sh"]);
    job.files = vec![file("run.sh", &script), file("data.txt", &data)];
    job.outputs = vec!["out/made".to_owned()];
    session.assign(assign(1, job));
    let (seq, finished, said) = session.hear_finished().await;
    assert_eq!(seq, 1);
    assert!(matches!(said[0], Body::Accept(_)));
    assert_eq!(log_of(&said), "j1 7 \n");
    let [artifact] = &success(&finished).artifacts[..] else { panic!() };
    assert_eq!(artifact.name, "out/made");
    assert_eq!(coordinator.blobs.get(&artifact.hash).unwrap(), b"forty-two");

    session.ack(1);
    agent.shutdown.drain();
    assert!(matches!(session.hear().await, (0, Body::Goodbye(_))));
    session.until_closed().await;
    agent.end.await.unwrap().unwrap();
    assert_eq!(fs::read_dir(agent.home.path().join("agent/attempts")).unwrap().count(), 0, "acknowledged folders go");
}

#[tokio::test]
async fn failures_say_what_happened_and_whether_to_try_again() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;

    session.assign(assign(1, shell("echo the disk smells of burning; exit 3")));
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!(failure(&finished), ("internal", "exit status 3\nthe disk smells of burning"));

    session.assign(assign(2, command(&["no-such-program"])));
    let (_, finished, _) = session.hear_finished().await;
    let (class, message) = failure(&finished);
    assert_eq!(class, "bad_input");
    assert!(message.contains("no-such-program"), "{message}");

    let mut job = shell("true");
    job.outputs = vec!["model.onnx".to_owned()];
    session.assign(assign(3, job));
    let (_, finished, _) = session.hear_finished().await;
    assert!(failure(&finished).1.contains("model.onnx"), "{finished:?}");

    // Which may come back: nothing is wrong with the job.
    let mut job = shell("true");
    job.files = vec![file("x", &ContentHash::of(b"nobody has this"))];
    session.assign(assign(4, job));
    let refused = loop {
        match session.hear().await.1 {
            Body::Refuse(refuse) => break refuse,
            Body::Finished(finished) => panic!("{finished:?}"),
            _ => {}
        }
    };
    assert!(refused.reason.contains("cannot fetch x: the coordinator does not have blob"), "{}", refused.reason);
}

#[tokio::test]
async fn a_cancelled_attempt_is_killed_with_everything_it_started() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let ready = fifo(agent.home.path(), "ready");
    let alive = fifo(agent.home.path(), "alive");
    // Two grandchildren hold `alive` open for writing: one ignores what can be ignored, one has left the group.
    let script = format!(
        "trap '' TERM; (exec 9>{}; setsid sleep 600 & echo up >{}; exec sleep 600) & wait",
        alive.display(),
        ready.display()
    );
    session.assign(assign(1, shell(&script)));
    let end_of_alive = tokio::spawn(async move { read(&alive).await });
    assert_eq!(read(&ready).await, "up\n");
    session.say(Say::Cancel(v1::Cancel { token: Some(token(1).into()) }));
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!(finished.end, Some(End::Cancelled(true)));
    assert_eq!(end_of_alive.await.unwrap(), "", "nobody holds it any more");
}

#[tokio::test]
async fn events_checkpoints_and_points_are_passed_on_in_order() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let old = coordinator.blobs.put(b"epoch one");
    let script = r#"
        grep -q '"resume":\["resume/0"\]' job.json || exit 9
        grep -q '"threads":' job.json || exit 8
        cat resume/0/state
        echo '{"event":"resumed","epoch":1,"step":5}' >&3
        echo 'not json' >&3
        mkdir checkpoints; echo two > checkpoints/state
        echo '{"event":"epoch","epoch":2,"epochs":2,"metrics":{"loss":0.5}}' >&3
        echo '{"event":"checkpoint","epoch":2,"step":10,"files":[{"name":"state","path":"checkpoints/state"}]}' >&3
        echo net > model
        echo '{"event":"point","point":"main","metrics":{"accuracy":0.9},"files":[{"name":"model.onnx","path":"model"}]}' >&3
        echo '{"event":"point","point":"main","metrics":{"macs":7}}' >&3
        read line < go
        echo '{"event":"done"}' >&3"#;
    let mut job = shell(&format!("mkfifo go; {script}"));
    job.protocol = Protocol::Events;
    let mut assigned = assign(1, job);
    assigned.checkpoints = vec![v1::Checkpoint { epoch: 1, step: 5, files: vec![blob("state", &old, b"epoch one")] }];
    session.assign(assigned);

    let mut said = Vec::new();
    let checkpoint = loop {
        match session.hear().await {
            (seq, Body::CheckpointReady(ready)) => {
                assert_eq!(seq, 1);
                break ready;
            }
            (_, body) => said.push(body),
        }
    };
    assert_eq!((checkpoint.epoch, checkpoint.step), (2, 10));
    assert_eq!(coordinator.blobs.get(&checkpoint.files[0].hash).unwrap(), b"two\n");
    let attempt = fs::read_dir(agent.home.path().join("agent/attempts")).unwrap().next().unwrap().unwrap().path();
    write(&attempt.join("go"), "go\n").await;
    let (seq, finished, more) = session.hear_finished().await;
    assert_eq!(seq, 2);
    said.extend(more);
    assert!(log_of(&said).starts_with("epoch one"), "{}", log_of(&said));
    assert!(log_of(&said).contains("no event"), "{}", log_of(&said));
    let progress: Vec<_> = said.iter().filter_map(|b| if let Body::Progress(p) = b { Some(p) } else { None }).collect();
    let epochs: Vec<u32> = progress.iter().flat_map(|p| &p.epochs).map(|e| e.epoch).collect();
    assert_eq!(epochs, [2]);
    assert_eq!(progress.iter().filter_map(|p| p.resumed).map(|r| (r.epoch, r.step)).collect::<Vec<_>>(), [(1, 5)]);
    let [point] = &success(&finished).points[..] else { panic!("{finished:?}") };
    assert_eq!(point.metrics_json, r#"{"accuracy":0.9,"macs":7.0}"#);
    assert_eq!(coordinator.blobs.get(&point.files[0].hash).unwrap(), b"net\n");
}

#[tokio::test]
async fn runners_go_on_without_the_coordinator_and_reports_are_replayed_in_order() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let (go, gone) = (fifo(agent.home.path(), "go"), fifo(agent.home.path(), "gone"));
    session.assign(assign(1, shell("echo first")));
    session.hear_finished().await;
    session
        .assign(assign(2, shell(&format!("read line <{}; echo $line; echo over >{}", go.display(), gone.display()))));
    assert!(matches!(session.hear().await.1, Body::Accept(_)));
    drop(session);

    // The second session sees both, the first unacknowledged; it breaks too before anything is kept.
    let second = coordinator.session().await;
    assert_eq!(second.hello.attempts, [token(1).into(), token(2).into()]);
    drop(second);
    write(&go, "onwards\n").await;
    assert_eq!(read(&gone).await, "over\n");

    let mut third = coordinator.session().await;
    third.welcome(0, &[token(2)]);
    let (seq, finished, said) = third.hear_finished().await;
    assert_eq!((seq, finished.token), (1, Some(token(1).into())));
    assert!(said.iter().any(|body| matches!(body, Body::Log(chunk) if chunk.data == b"first\n")));
    let (seq, finished, said) = third.hear_finished().await;
    assert_eq!((seq, finished.token), (2, Some(token(2).into())));
    success(&finished);
    assert!(
        said.iter().any(|body| matches!(body, Body::Log(chunk) if chunk.data == b"onwards\n" && chunk.offset == 0))
    );
}

#[tokio::test]
async fn what_the_coordinator_no_longer_counts_on_is_killed_after_a_reconnect() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let session = coordinator.welcomed().await;
    let ready = fifo(agent.home.path(), "ready");
    session.assign(assign(1, shell(&format!("echo up >{}; sleep 600", ready.display()))));
    assert_eq!(read(&ready).await, "up\n");
    drop(session);
    let mut session = coordinator.session().await;
    assert_eq!(session.hello.attempts, [token(1).into()]);
    session.welcome(0, &[]);
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!(finished.end, Some(End::Cancelled(true)));
}

#[tokio::test]
async fn an_end_that_was_not_acknowledged_survives_the_agent_and_its_log_with_it() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    session.assign(assign(1, shell("echo kept")));
    session.hear_finished().await;
    let spool = session.hello.spool_id.clone();
    let home = agent.crash().await;

    let agent = Running::start_in(home, &coordinator, |_| {});
    let mut session = coordinator.session().await;
    assert_eq!(session.hello.incarnation, 2);
    assert_eq!(session.hello.spool_id, spool);
    assert_eq!(session.hello.attempts, [token(1).into()]);
    session.welcome(0, &[]);
    let (seq, finished, said) = session.hear_finished().await;
    assert_eq!(seq, 1);
    success(&finished);
    assert_eq!(log_of(&said), "kept\n");
    session.ack(1);
    agent.shutdown.drain();
    assert!(matches!(session.hear().await, (0, Body::Goodbye(_))));
}

#[tokio::test]
async fn transfers_go_on_where_they_were_cut() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 251) as u8).collect();
    let data = coordinator.blobs.put(&bytes);
    *coordinator.blobs.cut_after.lock().unwrap() = Some(900_000);
    // Comes back with one byte more, so that it has to be sent.
    let mut job = shell("cp data back; echo >> back");
    job.files = vec![file("data", &data)];
    job.outputs = vec!["back".to_owned()];
    session.assign(assign(1, job.clone()));
    let (_, finished, _) = session.hear_finished().await;
    success(&finished);
    let began = std::mem::take(&mut *coordinator.blobs.began.lock().unwrap());
    assert_eq!(began, [0, 900_000, 0], "download, its rest, upload");

    let before = *coordinator.blobs.uploaded_bytes.lock().unwrap();
    *coordinator.blobs.cut_after.lock().unwrap() = Some(1_000_000);
    job.run[2] = "cp data back; echo more >> back".to_owned();
    session.assign(assign(2, job));
    let (_, finished, _) = session.hear_finished().await;
    let hash = &success(&finished).artifacts[0].hash;
    assert_eq!(coordinator.blobs.get(hash).unwrap(), [&bytes[..], b"more\n"].concat());
    assert_eq!(*coordinator.blobs.uploaded_bytes.lock().unwrap() - before, 2_000_005, "no byte came twice");
    let began = coordinator.blobs.began.lock().unwrap().clone();
    assert!(began.len() == 2 && began[0] == 0 && began[1] >= 1_000_000, "cached, upload and its rest: {began:?}");
}

#[tokio::test]
async fn blobs_that_the_coordinator_lost_are_sent_again() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let mut job = shell("echo result > out");
    job.outputs = vec!["out".to_owned()];
    session.assign(assign(1, job));
    let (seq, finished, _) = session.hear_finished().await;
    let hash = success(&finished).artifacts[0].hash.clone();
    coordinator.blobs.whole.lock().unwrap().clear();
    coordinator.blobs.partial.lock().unwrap().clear();
    session.say(Say::Missing(v1::Missing { seq, hashes: vec![hash.clone()] }));
    let (again, finished, _) = session.hear_finished().await;
    assert_eq!(again, seq);
    success(&finished);
    assert_eq!(coordinator.blobs.get(&hash).unwrap(), b"result\n");
}

#[tokio::test]
async fn a_spool_that_does_not_fit_the_database_is_renewed() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    session.assign(assign(1, command(&["true"])));
    session.hear_finished().await;
    let spool = session.hello.spool_id.clone();
    drop(session);
    let session = coordinator.session().await;
    session.welcome(99, &[]);
    let mut session = coordinator.session().await;
    assert_ne!(session.hello.spool_id, spool);
    session.welcome(0, &[]);
    let (seq, finished, _) = session.hear_finished().await;
    assert_eq!((seq, finished.token), (1, Some(token(1).into())));
}

#[tokio::test]
async fn memory_that_is_not_there_is_refused_with_the_numbers() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let mut assigned = assign(1, command(&["true"]));
    assigned.memory_bytes = 1 << 50;
    session.assign(assigned);
    assert!(matches!(session.hear().await.1, Body::Accept(_)));
    let Body::Refuse(refuse) = session.hear().await.1 else { panic!() };
    assert!(refuse.reason.starts_with("it needs 1048576.0 GiB, and the CPU has "), "{}", refuse.reason);
}

#[tokio::test]
async fn a_sweep_runner_that_does_not_start_is_this_agents_fault_and_not_the_jobs() {
    let mut coordinator = Coordinator::start().await;
    // As while another version is being put in its place.
    let _agent = Running::start_with(&coordinator, |options| options.runner = Some("/nowhere/sweep-runner".into()));
    let mut session = coordinator.welcomed().await;
    let evaluate = JobSpec {
        stage: "s".to_owned(),
        seed: 7,
        data: None,
        kind: StageKind::Evaluate(EvaluateSpec {}),
        inputs: vec![],
    };
    let assigned = v1::Assign { spec_json: sweep_shared::wire::to_json(&evaluate), ..assign(1, command(&["true"])) };
    session.assign(assigned);
    assert!(matches!(session.hear().await.1, Body::Accept(_)));
    let Body::Refuse(refuse) = session.hear().await.1 else { panic!() };
    assert!(refuse.reason.contains("/nowhere/sweep-runner"), "{}", refuse.reason);
}

#[tokio::test]
async fn a_wrong_token_or_a_refused_session_ends_the_agent_in_words() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start_with(&coordinator, |options| options.token = "guess".to_owned());
    let error = agent.end.await.unwrap().unwrap_err();
    assert!(matches!(&error, AgentError::Refused(reason) if reason == "the token is wrong"), "{error}");

    let agent = Running::start(&coordinator);
    let session = coordinator.session().await;
    session.say(Say::Refused(v1::Refused { reason: "this agent speaks version 1".to_owned() }));
    let error = agent.end.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("speaks version 1"), "{error}");
}

#[tokio::test]
async fn the_folder_belongs_to_one_agent_until_it_has_ended() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let session = coordinator.welcomed().await;
    let second = Agent::new(options(agent.home.path(), &coordinator));
    assert!(matches!(second, Err(AgentError::Locked { .. })));
    agent.shutdown.drain();
    drop(session);
    agent.end.await.unwrap().unwrap();
    let third = Agent::new(options(agent.home.path(), &coordinator)).unwrap();
    let shutdown = Shutdown::new();
    shutdown.drain();
    third.run(shutdown).await.unwrap();
}
