//! What the agent tells of the memory that attempts took: real processes, whose peaks the kernel knows.

mod support;

use support::*;
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::coordinator_message::Body as Say;

/// `tail` keeps so many bytes in memory, until the end of its input is there.
const HOLD_200_MB: &str = "head -c 200000000 /dev/zero | tail -c 200000000 >/dev/null";

#[tokio::test]
async fn however_an_attempt_ends_its_peak_is_told() {
    let mut coordinator = Coordinator::start().await;
    let agent = Running::start(&coordinator);
    let mut session = coordinator.welcomed().await;
    let ready = fifo(agent.home.path(), "ready");
    let waits = format!("{HOLD_200_MB}; echo up >{}; sleep 600", ready.display());
    for (job, script) in [(1, HOLD_200_MB), (2, &format!("{HOLD_200_MB}; exit 3")), (3, &waits)] {
        session.assign(assign(job, shell(script)));
        if job == 3 {
            assert_eq!(read(&ready).await, "up\n");
            let (token, reason) = (Some(token(job).into()), "paused".to_owned());
            session.say(Say::Interrupt(v1::Interrupt { token, reason }));
        }
        let (_, finished, _) = session.hear_finished().await;
        let peak = finished.peak_memory_bytes;
        assert!((200_000_000..600_000_000).contains(&peak), "{peak} bytes: {finished:?}");
    }
    session.assign(assign(4, command(&["true"])));
    let (_, finished, _) = session.hear_finished().await;
    assert_eq!(finished.peak_memory_bytes, 0, "the agent's own memory is not the runner's");
}
