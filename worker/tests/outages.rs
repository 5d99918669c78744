//! Stops that come at any moment, coordinators that go away and come back as others, and what damage an agent survives.

mod support;

use std::fs;

use support::*;
use sweep_shared::ids::ContentHash;
use sweep_shared::wire::v1::agent_message::Body;
use sweep_shared::wire::v1::coordinator_message::Body as Say;
use sweep_shared::wire::v1::{self, finished::End};
use sweep_worker::Options;

fn one_slot(options: &mut Options) {
    options.slots = Some(1);
}

/// Says `up`, and at SIGTERM saves its state and stops.
fn stoppable(agent: &Running) -> (v1::Assign, std::path::PathBuf) {
    let ready = fifo(agent.home.path(), "ready");
    let saved = checkpoint_event(3, "state");
    let script = format!(
        "stop() {{ echo saved > state; say '{saved}'; exit 75; }}; trap stop TERM
         echo up >{}; while :; do sleep 0.01; done",
        ready.display()
    );
    (assign(1, speaking(&script)), ready)
}

/// The end, and what else was said: checkpoints' epochs, and whether the slot was given back before the end.
async fn hear_out(session: &mut Session) -> (v1::Finished, Vec<u32>, bool) {
    let (_, finished, said) = session.hear_finished().await;
    let epoch = |body: &Body| if let Body::CheckpointReady(ready) = body { Some(ready.epoch) } else { None };
    let finishing = said.iter().any(|body| matches!(body, Body::Finishing(_)));
    (finished, said.iter().filter_map(epoch).collect(), finishing)
}

#[tokio::test]
async fn an_interrupt_ends_with_an_uploaded_checkpoint() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let (job, ready) = stoppable(&agent);
    session.assign(job);
    assert_eq!(read(&ready).await, "up\n");
    session.interrupt(1, "preempted by j17");
    let (finished, checkpoints, finishing) = hear_out(&mut session).await;
    assert_eq!(finished.end, Some(End::Interrupted("preempted by j17".to_owned())));
    assert_eq!((checkpoints, finishing), (vec![3], true));
    assert!(coordinator.blobs.get(ContentHash::of(b"saved\n").as_str()).is_some());
}

#[tokio::test]
async fn a_drain_by_the_coordinator_ends_with_a_checkpoint_and_a_goodbye() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let (job, ready) = stoppable(&agent);
    session.assign(job);
    assert_eq!(read(&ready).await, "up\n");
    session.say(Say::Drain(v1::Drain { reason: "maintenance".to_owned() }));
    let (finished, checkpoints, _) = hear_out(&mut session).await;
    assert_eq!(finished.end, Some(End::Interrupted("maintenance".to_owned())));
    assert_eq!(checkpoints, [3]);
    session.assign(assign(2, command(&["true"])));
    let Body::Refuse(refused) = session.hear().await.1 else { panic!() };
    assert!(refused.reason.contains("leaving: maintenance"), "{}", refused.reason);
    session.ack(2);
    let Body::Goodbye(goodbye) = session.hear().await.1 else { panic!() };
    assert_eq!(goodbye.reason, "maintenance");
    session.until_closed().await;
    agent.end.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_cancel_reaches_an_attempt_that_waits_for_a_slot() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start_with(&coordinator, one_slot);
    let mut session = coordinator.welcomed().await;
    let (job, ready) = stoppable(&agent);
    session.assign(job);
    assert_eq!(read(&ready).await, "up\n");
    let made = agent.home.path().join("made");
    session.assign(assign(2, command(&["touch", made.to_str().unwrap()])));
    session.cancel(2);
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!((finished.token, finished.end), (Some(token(2).into()), Some(End::Cancelled(true))));
    session.cancel(1);
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!((finished.token, finished.end), (Some(token(1).into()), Some(End::Cancelled(true))));
    assert!(!made.exists(), "it was never started");
}

#[tokio::test]
async fn a_cancel_reaches_an_attempt_that_is_fetching() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let mut job = shell("true");
    job.files = vec![file("data", &coordinator.blobs.put(b"data"))];
    let shut = coordinator.blobs.shut().await;
    session.assign(assign(1, job));
    coordinator.blobs.until_at_gate(1).await;
    session.cancel(1);
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!(finished.end, Some(End::Cancelled(true)));
    drop(shut);
}

#[tokio::test]
async fn while_files_are_on_their_way_the_slot_is_free_and_a_cancel_still_counts() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start_with(&coordinator, one_slot);
    let mut session = coordinator.welcomed().await;
    let mut job = shell("echo $SWEEP_JOB > out");
    job.outputs = vec!["out".to_owned()];
    let shut = coordinator.blobs.shut().await;
    session.assign(assign(1, job.clone()));
    session.assign(assign(2, job));
    let mut finishing = Vec::new();
    while finishing.len() < 2 {
        if let Body::Finishing(told) = session.hear().await.1 {
            finishing.push(told.token.unwrap().job);
        }
    }
    assert_eq!(finishing, [1, 2], "the second ran although the first is not delivered");
    session.cancel(1);
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!((finished.token, finished.end), (Some(token(1).into()), Some(End::Cancelled(true))));
    drop(session);
    // What is not spooled is told again: it may not have arrived.
    let mut session = coordinator.session().await;
    session.welcome(1, &[token(2)]);
    assert!(matches!(session.hear().await.1, Body::Finishing(told) if told.token == Some(token(2).into())));
    drop(shut);
    let (_, finished, _) = session.hear_finished().await;
    assert!(matches!(finished.end, Some(End::Success(_))), "{finished:?}");
    assert!(coordinator.blobs.get(ContentHash::of(b"j2\n").as_str()).is_some());
}

#[tokio::test]
async fn an_upload_that_hangs_does_not_hold_up_the_runner_and_the_newest_checkpoint_wins() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let session = coordinator.welcomed().await;
    let (go, over) = (fifo(agent.home.path(), "go"), fifo(agent.home.path(), "over"));
    // The same file every time, as many scripts do it.
    let save =
        |epoch| format!("echo {epoch} > state.new; mv state.new state; say '{}'", checkpoint_event(epoch, "state"));
    let script = format!(
        "{}; read line <{}; {}; {}; {}; echo 5 > state; echo over >{}; read line <{}; say '{{\"event\":\"done\"}}'",
        save(1),
        go.display(),
        save(2),
        save(3),
        save(4),
        over.display(),
        go.display()
    );
    let shut = coordinator.blobs.shut().await;
    session.assign(assign(1, speaking(&script)));
    coordinator.blobs.until_at_gate(1).await;
    write(&go, "on\n").await;
    assert_eq!(read(&over).await, "over\n", "it went on to its end");
    drop(session);
    drop(shut);
    let mut session = coordinator.session().await;
    session.welcome(0, &[token(1)]);
    let mut epochs = Vec::new();
    while epochs.last() != Some(&4) {
        if let Body::CheckpointReady(ready) = session.hear().await.1 {
            epochs.push(ready.epoch);
        }
    }
    assert_eq!(epochs, [1, 4]);
    write(&go, "on\n").await;
    session.hear_finished().await;
}

#[tokio::test]
async fn only_the_part_of_a_log_that_the_coordinator_lacks_is_told_after_a_reconnect() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let go = fifo(agent.home.path(), "go");
    session.assign(assign(1, shell(&format!("echo first; read line <{}; echo second", go.display()))));
    while !matches!(session.hear().await.1, Body::Log(chunk) if chunk.data == b"first\n") {}
    drop(session);
    let mut session = coordinator.session().await;
    session.logs = vec![v1::LogLength { token: Some(token(1).into()), bytes: 6 }];
    session.welcome(0, &[token(1)]);
    write(&go, "on\n").await;
    let (_, _, said) = session.hear_finished().await;
    let logs: Vec<_> = said.iter().filter_map(|b| if let Body::Log(log) = b { Some(log) } else { None }).collect();
    assert!(matches!(&logs[..], [log] if log.offset == 6 && log.data == b"second\n"), "{logs:?}");
}

#[tokio::test]
async fn a_restored_database_is_met_with_a_new_spool_and_what_it_does_not_keep_is_killed() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    assert_eq!((session.hello.generation.as_str(), session.hello.acked_seq), ("", 0));
    session.assign(assign(1, command(&["true"])));
    session.hear_finished().await;
    session.ack(1);
    let (job, ready) = stoppable(&agent);
    session.assign(v1::Assign { token: Some(token(2).into()), ..job });
    assert_eq!(read(&ready).await, "up\n");
    session.assign(assign(3, command(&["true"])));
    session.hear_finished().await;
    let spool = session.hello.spool_id.clone();
    drop(session);

    // Three databases in a row; the agent follows each.
    let mut renewed = spool;
    for (generation, known) in [("h", "g"), ("i", "h"), ("j", "i")] {
        let session = coordinator.session().await;
        assert_eq!((session.hello.generation.as_str(), &session.hello.spool_id), (known, &renewed));
        // What the first of them did not keep is named to none of the others; its end still lies in the spool.
        let named = if generation == "h" { vec![token(2).into(), token(3).into()] } else { vec![token(2).into()] };
        assert_eq!(session.hello.attempts, named);
        session.welcome_to(generation, 0, &[token(2)]);
        let session = coordinator.session().await;
        assert_eq!((session.hello.generation.as_str(), session.hello.acked_seq), (generation, 0));
        assert_ne!(session.hello.spool_id, renewed);
        renewed.clone_from(&session.hello.spool_id);
    }
    let mut session = coordinator.session().await;
    session.welcome_to("j", 0, &[]);
    let (seq, finished, _) = session.hear_finished().await;
    assert_eq!((seq, finished.token), (1, Some(token(3).into())), "unacknowledged, and replayed");
    let (seq, finished, _) = session.hear_finished().await;
    assert_eq!((seq, finished.token, finished.end), (2, Some(token(2).into()), Some(End::Cancelled(true))));

    // What it knows of the database survives the agent.
    session.ack(2);
    session.cancel(9);
    assert_eq!(session.hear_finished().await.0, 3, "by now the acknowledgement is noted");
    let home = agent.crash().await;
    let _agent = Running::start_in(home, &coordinator, |_| {});
    let session = coordinator.session().await;
    assert_eq!((session.hello.generation.as_str(), &session.hello.spool_id), ("j", &renewed));
    assert_eq!(session.hello.acked_seq, 2);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_had_is_passed_over_for_an_older_one_or_none() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let old = coordinator.blobs.put(b"epoch one");
    let lost = ContentHash::of(b"epoch two, which no backup has");
    let checkpoint = |epoch, hash| v1::Checkpoint { epoch, step: 0, files: vec![blob("state", hash, b"")] };
    let tell = r#"grep -o '"resume":\[[^]]*\]' job.json; say '{"event":"done"}'"#;
    for (job, known, expected) in [(1, &old, r#""resume":["resume/1"]"#), (2, &lost, r#""resume":[]"#)] {
        let mut assigned = assign(job, speaking(tell));
        assigned.checkpoints = vec![checkpoint(2, &lost), checkpoint(1, known)];
        session.assign(assigned);
        let (_, finished, said) = session.hear_finished().await;
        assert!(matches!(finished.end, Some(End::Success(_))), "{finished:?}");
        let log: Vec<u8> =
            said.iter().flat_map(|b| if let Body::Log(log) = b { &log.data[..] } else { &[] }).copied().collect();
        let log = String::from_utf8(log).unwrap();
        assert!(log.contains("the checkpoint of epoch 2 is left out: state: the coordinator does not have"), "{log}");
        assert!(log.contains(expected), "{log}");
    }
}

#[tokio::test]
async fn an_agent_starts_from_a_damaged_spool_with_what_is_whole() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    for job in 1..=3 {
        session.assign(assign(job, command(&["true"])));
        session.hear_finished().await;
    }
    let home = agent.crash().await;
    let spool = home.path().join("agent/spool");
    let segments = fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.filter(|path| path.extension().is_some_and(|ext| ext == "seg")).last().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(9).position(|window| window == b"\"job\":2,\"").unwrap();
    bytes[at] = b'?';
    fs::write(&segment, bytes).unwrap();

    let agent = Running::start_in(home, &coordinator, |_| {});
    let mut session = coordinator.session().await;
    assert_eq!(session.hello.attempts, [token(1).into(), token(3).into()]);
    session.welcome(0, &[]);
    assert_eq!(session.hear_finished().await.1.token, Some(token(1).into()));
    assert_eq!(session.hear_finished().await.1.token, Some(token(3).into()));
    let home = agent.crash().await;

    let current = home.path().join("agent/spool").join("current");
    let name = String::from_utf8(fs::read(&current).unwrap()).unwrap();
    for entry in fs::read_dir(home.path().join("agent/spool")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(&name) {
            fs::write(&path, "nothing that a spool wrote").unwrap();
        }
    }
    let _agent = Running::start_in(home, &coordinator, |_| {});
    let session = coordinator.session().await;
    assert_eq!(session.hello.attempts, []);
    assert_ne!(session.hello.spool_id, name);
}
