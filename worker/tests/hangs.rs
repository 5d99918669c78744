//! Runners that fall silent, and processes that do not die.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::*;
use sweep_shared::wire::v1::agent_message::Body;
use sweep_shared::wire::v1::{self, finished::End};

/// A shell may need a moment for its first event on a machine that is busy.
const SILENCE_S: f64 = 3.0;

const EPOCH: &str = r#"{"event":"epoch","epoch":1,"epochs":3}"#;

fn impatient(job: i64, script: &str) -> v1::Assign {
    v1::Assign { hang_after_s: Some(SILENCE_S), ..assign(job, speaking(script)) }
}

fn failure(finished: &v1::Finished) -> &v1::Failure {
    match &finished.end {
        Some(End::Failure(failure)) => failure,
        other => panic!("it should have failed: {other:?}"),
    }
}

fn log(before: &[Body]) -> String {
    let logged = before.iter().filter_map(|body| match body {
        Body::Log(chunk) => Some(String::from_utf8_lossy(&chunk.data)),
        _ => None,
    });
    logged.collect()
}

#[tokio::test]
async fn a_runner_that_falls_silent_and_ignores_sigterm_is_killed_and_has_failed() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start_with(&coordinator, |options| options.grace = Duration::from_millis(20));
    let mut session = coordinator.welcomed().await;
    let checkpoint = checkpoint_event(1, "state");
    session.assign(impatient(
        1,
        &format!("trap '' TERM; echo saved > state; say '{EPOCH}'; say '{checkpoint}'; while :; do sleep 600; done"),
    ));
    let (_, finished, before) = session.hear_finished().await;
    let failure = failure(&finished);
    assert_eq!(failure.class, "internal");
    assert!(failure.message.starts_with("no progress for 3 s, which is its hang_after"), "{}", failure.message);
    assert!(log(&before).contains("no progress for 3 s"), "the log says so, too: {}", log(&before));
    // What it had is there for whoever continues.
    let ready = before.iter().find_map(|body| match body {
        Body::CheckpointReady(ready) => Some(ready),
        _ => None,
    });
    assert_eq!(coordinator.blobs.get(&ready.expect("its checkpoint").files[0].hash).unwrap(), b"saved\n");
    // It was told of beforehand.
    let mut silences = before.iter().filter_map(|body| match body {
        Body::Progress(progress) => progress.silence,
        _ => None,
    });
    let silence = silences.next_back().expect("half of its time was over");
    assert!(silence.silent_ms + silence.left_ms >= 2_900, "{silence:?}");
}

#[tokio::test]
async fn a_runner_that_stopped_itself_can_still_write_a_checkpoint() {
    let mut coordinator = Coordinator::start().await;
    let _agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let save = "echo saved > state; say \"$saved\"; exit 75";
    let saved = checkpoint_event(2, "state");
    session.assign(impatient(1, &format!("saved='{saved}'; trap '{save}' TERM; say '{EPOCH}'; kill -STOP $$; exit 1")));
    let (_, finished, before) = session.hear_finished().await;
    assert!(failure(&finished).message.starts_with("no progress for"), "{finished:?}");
    assert!(before.iter().any(|body| matches!(body, Body::CheckpointReady(ready) if ready.epoch == 2)), "{before:?}");
}

#[tokio::test]
async fn a_command_that_tells_nothing_is_not_judged() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start_with(&coordinator, |options| options.patience = Duration::from_millis(1));
    let mut session = coordinator.welcomed().await;
    let go = fifo(agent.home.path(), "go");
    let quiet = shell(&format!("read line <{}", go.display()));
    session.assign(v1::Assign { hang_after_s: Some(0.001), ..assign(1, quiet) });
    // Many times its patience, and enough for many looks.
    session.assign(assign(2, shell("sleep 1")));
    session.hear_finished().await;
    write(&go, "on\n").await;
    let (_, finished, _) = session.hear_finished().await;
    assert!(matches!(finished.end, Some(End::Success(_))), "{finished:?}");
}

/// A folder in a freezer of the first kind, whose processes no signal reaches while it is frozen.
struct Freezer(PathBuf);

impl Freezer {
    fn make(name: &str) -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let is_freezer = |line: &&str| line.contains(" - cgroup ") && line.ends_with(",freezer");
        let mount = mounts.lines().find(is_freezer).ok_or("no freezer of cgroup v1 is mounted")?;
        let path = Path::new(mount.split(' ').nth(4).unwrap()).join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Self(path))
    }

    fn set(&self, state: &str) {
        fs::write(self.0.join("freezer.state"), state).unwrap();
        while fs::read_to_string(self.0.join("freezer.state")).unwrap().trim() != state {
            std::thread::yield_now();
        }
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _thawed = fs::write(self.0.join("freezer.state"), "THAWED");
        while fs::read_to_string(self.0.join("cgroup.procs")).is_ok_and(|pids| !pids.is_empty()) {
            std::thread::yield_now();
        }
        fs::remove_dir(&self.0).unwrap();
    }
}

#[tokio::test]
async fn a_process_that_cannot_be_killed_keeps_its_slot_and_is_told_of() {
    let freezer = match Freezer::make("sweep-test-frozen") {
        Ok(freezer) => freezer,
        Err(why) => {
            eprintln!("a_process_that_cannot_be_killed_keeps_its_slot_and_is_told_of: skipped: {why}");
            return;
        }
    };
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start_with(&coordinator, |options| {
        options.slots = Some(1);
        options.stuck = Duration::from_millis(100);
    });
    let mut session = coordinator.welcomed().await;
    let ready = fifo(agent.home.path(), "ready");
    session.assign(assign(1, shell(&format!("echo $$ >{}; exec sleep 600", ready.display()))));
    let pid = read(&ready).await;
    fs::write(freezer.0.join("cgroup.procs"), pid.trim()).unwrap();
    freezer.set("FROZEN");
    session.cancel(1);
    let stuck = loop {
        match session.hear().await.1 {
            Body::Progress(progress) if !progress.stuck.is_empty() => break progress.stuck,
            Body::Finished(finished) => panic!("a frozen process does not end: {finished:?}"),
            _ => {}
        }
    };
    assert!(stuck.contains(pid.trim()), "{stuck}");
    // Its slot is not free: what follows waits until it is.
    session.assign(assign(2, shell("true")));
    freezer.set("THAWED");
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!((finished.token.unwrap().job, finished.end), (1, Some(End::Cancelled(true))));
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!(finished.token.unwrap().job, 2);
    eprintln!("a_process_that_cannot_be_killed_keeps_its_slot_and_is_told_of: ran");
}
