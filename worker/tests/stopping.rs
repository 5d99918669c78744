//! How a whole agent stops: in good order, at once, and what it then leaves for its next start.

mod support;

use std::time::Duration;

use support::*;
use sweep_shared::spec::Protocol;
use sweep_shared::wire::v1::agent_message::Body;
use sweep_shared::wire::v1::coordinator_message::Body as Say;
use sweep_shared::wire::v1::{self, finished::End};

#[tokio::test]
async fn a_drain_asks_runners_to_stop_and_delivers_their_last_checkpoint() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let ready = fifo(agent.home.path(), "ready");
    let save = r#"echo saved > state; echo '{"event":"checkpoint","epoch":3,"step":9,"files":[{"name":"state","path":"state"}]}' >&3; exit 75"#;
    let mut job = shell(&format!(
        "trap '{}' TERM; echo up >{}; while :; do sleep 0.01; done",
        save.replace('\'', r"'\''"),
        ready.display()
    ));
    job.protocol = Protocol::Events;
    session.assign(assign(1, job));
    assert_eq!(read(&ready).await, "up\n");
    agent.shutdown.drain();
    let mut checkpoint = None;
    let finished = loop {
        match session.hear().await.1 {
            Body::CheckpointReady(ready) => checkpoint = Some(ready),
            Body::Finished(finished) => break finished,
            _ => {}
        }
    };
    assert_eq!(coordinator.blobs.get(&checkpoint.unwrap().files[0].hash).unwrap(), b"saved\n");
    assert!(matches!(finished.end, Some(End::Interrupted(_))));
    session.ack(2);
    assert!(matches!(session.hear().await.1, Body::Goodbye(_)));
    session.until_closed().await;
    agent.end.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_runner_that_does_not_stop_in_time_is_killed() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start_with(&coordinator, |options| options.grace = Duration::from_millis(20));
    let mut session = coordinator.welcomed().await;
    let ready = fifo(agent.home.path(), "ready");
    session
        .assign(assign(1, shell(&format!("trap '' TERM; echo up >{}; while :; do sleep 600; done", ready.display()))));
    assert_eq!(read(&ready).await, "up\n");
    session.say(Say::Interrupt(v1::Interrupt { token: Some(token(1).into()), reason: "paused".to_owned() }));
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!(finished.end, Some(End::Interrupted("paused".to_owned())));
}

#[tokio::test]
async fn the_second_signal_kills_and_the_end_waits_in_the_spool() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let session = coordinator.welcomed().await;
    let ready = fifo(agent.home.path(), "ready");
    session
        .assign(assign(1, shell(&format!("trap '' TERM; echo up >{}; while :; do sleep 600; done", ready.display()))));
    assert_eq!(read(&ready).await, "up\n");
    drop(session);
    let home = agent.crash().await;
    let _agent = Running::start_in(home, &coordinator, |_| {});
    loop {
        let mut session = coordinator.session().await;
        if session.hello.incarnation == 2 {
            session.welcome(0, &[]);
            let (_, finished, _) = session.hear_finished().await;
            assert!(matches!(finished.end, Some(End::Interrupted(_))), "{finished:?}");
            return;
        }
    }
}
