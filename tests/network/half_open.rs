//! Half-open connections: packets go in one direction only, and no kernel is told.

use std::net::Ipv4Addr;

use crate::cable::Weather;
use crate::world::{A, COORDINATOR, World};

/// A direction dies and is mended after both sides have noticed by themselves.
fn until_both_have_noticed(world: &World, (from, to): (Ipv4Addr, Ipv4Addr), meanwhile: impl FnOnce()) {
    let (coordinator, agent) = (world.coordinator_said(), world.agent_process(A).said.clone());
    let marks = (coordinator.mark(), agent.mark());
    world.cable.one_way(from, to, Weather::CUT);
    meanwhile();
    coordinator.wait_since(marks.0, "an agent's stream ended");
    agent.wait_since(marks.1, "lost the coordinator; runners go on");
    world.cable.one_way(from, to, Weather::FINE);
    agent.wait_since(marks.1, "connected");
}

#[test]
fn an_agent_that_cannot_be_heard_is_missed_and_comes_back() {
    let Some(mut world) = World::new("half-open: unheard") else { return };
    world.agent(A, 1);
    world.submit(1000, &[("one", "epoch")]);
    world.said.wait_for("epoch j1.1 a 1");
    until_both_have_noticed(&world, (A, COORDINATOR), || {
        world.order("j1.1", &["epoch"]);
        world.said.wait_for("epoch j1.1 a 2");
    });
    world.order("j1.1", &["epoch", "finish"]);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.trail("one"), ["1 j1.1", "2 j1.1", "3 j1.1"]);
    assert_eq!(world.began("j1"), 1);
}

#[test]
fn a_job_that_was_given_to_a_deaf_agent_is_given_again() {
    let Some(mut world) = World::with("half-open: deaf", "30s", &[]) else { return };
    world.agent(A, 2);
    world.submit(1000, &[("one", "epoch")]);
    world.said.wait_for("epoch j1.1 a 1");
    until_both_have_noticed(&world, (COORDINATOR, A), || {
        // The coordinator gives the job away before it notices, into nothing.
        world.submit(1000, &[("two", "epoch finish")]);
        assert_eq!(world.job("two")["state"], "running");
    });
    assert_eq!(world.watched(), Some(0));
    assert_eq!((world.job("two")["attempt"].as_u64(), world.began("j2")), (Some(2), 1));
    assert_eq!(world.trail("two"), ["1 j2.2"]);
    world.order("j1.1", &["finish"]);
    assert_eq!(world.user(&["watch", "-q", "s1"]).0, Some(0));
    assert_eq!(world.began("j1"), 1);
}
