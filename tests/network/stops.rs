//! Machines that stop, and go on.

use nix::sys::signal::Signal;

use crate::world::{A, B, COORDINATOR, World};

#[test]
fn the_coordinators_host_loses_power_and_agents_train_on() {
    let Some(mut world) = World::with("the coordinator's host loses power", "60s", &[]) else { return };
    let (a, b) = (world.agent(A, 1), world.agent(B, 1));
    world.submit(1000, &[("one", "epoch"), ("two", "epoch"), ("three", "epoch finish")]);
    let epoch = world.said.wait_for("epoch j1.1");
    let (on, other) = if epoch.contains(" a ") { ("a", "b") } else { ("b", "a") };
    world.said.wait_for(&format!("epoch j2.1 {other} 1"));
    // First nobody answers, then a kernel that knows nothing of their connections.
    world.power_failure();
    world.order("j1.1", &["epoch", "finish"]);
    world.order("j2.1", &["epoch"]);
    world.said.wait_for(&format!("gone j1.1 {on}"));
    world.said.wait_for(&format!("epoch j2.1 {other} 2"));
    world.cable.wait_swallowed(A, COORDINATOR, 5);
    world.boot(COORDINATOR);
    a.wait_for("lost the coordinator; runners go on");
    b.wait_for("lost the coordinator; runners go on");
    world.serve();
    world.order("j2.1", &["finish"]);
    assert_eq!(world.watched(), Some(0));
    for (stage, job) in [("one", "j1"), ("two", "j2")] {
        assert_eq!(world.trail(stage), [format!("1 {job}.1"), format!("2 {job}.1")]);
    }
    assert_eq!(world.trail("three"), ["1 j3.1"]);
    assert_eq!(["j1", "j2", "j3"].map(|job| world.began(job)), [1; 3]);
}

#[test]
fn an_agent_that_was_suspended_for_longer_than_its_lease_gives_way() {
    let Some(mut world) = World::new("a suspended agent") else { return };
    let a = world.agent(A, 1);
    world.submit(1000, &[("one", "")]);
    world.said.wait_for("began j1.1 a");
    world.order("j1.1", &["epoch"]);
    a.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    world.agent(B, 1);
    world.agent_process(A).signal(Signal::SIGSTOP);
    world.order("j1.1", &["epoch"]);
    world.said.wait_for("epoch j1.1 a 2");
    world.said.wait_for("resumed j1.2 b 1");
    world.order("j1.2", &["epoch"]);
    world.said.wait_for("epoch j1.2 b 2");
    world.agent_process(A).signal(Signal::SIGCONT);
    world.said.wait_for("gone j1.1 a");
    world.order("j1.2", &["finish"]);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.trail("one"), ["1 j1.1", "2 j1.2"]);
}
