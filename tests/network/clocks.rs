//! Wall clocks that are set in the middle of the work, on the coordinator's host and on the agent's.

use crate::needs;
use crate::world::{A, B, World};

#[test]
fn clocks_that_are_set_change_nothing() {
    const STORY: &str = "clocks are set";
    let Some(library) = needs::faketime(STORY) else { return };
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    let set = |by: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, by).unwrap();
        std::fs::rename(new, &clock).unwrap();
    };
    set("+0");
    let environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("NO_FAKE_STAT", "1"),
    ];
    let Some(mut world) = World::with(STORY, "6s", &environment) else { return };
    let a = world.agent(A, 2);
    // A day that nobody worked counts for no limit.
    let limits = "defaults: { max_hours: 5 }\nbudget: { cpu_hours: 10 }\n";
    world.submit_text(&format!("{limits}{}", world.plan(1000, &[("steady", "epoch"), ("unlucky", "")])));
    world.said.wait_for("epoch j1.1 a 1");
    for failures in 1..=3 {
        let attempt = format!("j2.{failures}");
        world.said.wait_for(&format!("began {attempt} a"));
        let mark = a.mark();
        world.order(&attempt, &["fail"]);
        a.wait_since(mark, "the coordinator has recorded a failure");
    }
    // The next try is due in about four seconds, which is not in an hour.
    set("-1h");
    world.order("j1.1", &["epoch"]);
    world.said.wait_for("began j2.4 a");
    world.order("j2.4", &["epoch"]);
    world.said.wait_for("epoch j2.4 a 1");
    let (coordinator, mark) = (world.coordinator_said(), world.coordinator_said().mark());
    set("+1d");
    coordinator.wait_since(mark, "the machine's clock was set");
    world.agent(B, 2);
    world.order("j1.1", &["epoch", "finish"]);
    world.order("j2.4", &["epoch", "finish"]);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.trail("steady"), ["1 j1.1", "2 j1.1", "3 j1.1"]);
    assert_eq!(world.trail("unlucky"), ["1 j2.4", "2 j2.4"]);
    assert_eq!(world.job("steady")["attempt"], 1);
}
