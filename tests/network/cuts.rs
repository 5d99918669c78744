//! The cable is cut, for a while.

use crate::world::{A, B, COORDINATOR, World};

#[test]
fn an_outage_of_seconds_restarts_nothing() {
    let Some(mut world) = World::with("an outage of seconds", "60s", &[]) else { return };
    world.agent(A, 1);
    world.submit(1000, &[("one", "epoch")]);
    world.said.wait_for("epoch j1.1 a 1");
    // Somebody else is there who would take it.
    world.agent(B, 1);
    world.cut(A);
    world.order("j1.1", &["epoch"]);
    world.said.wait_for("epoch j1.1 a 2");
    world.cable.wait_swallowed(A, COORDINATOR, 5);
    world.mend(A);
    world.order("j1.1", &["epoch", "finish"]);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.trail("one"), ["1 j1.1", "2 j1.1", "3 j1.1"]);
    assert_eq!(world.began("j1"), 1);
}

#[test]
fn a_real_training_goes_on_through_an_outage() {
    let Some(mut world) = World::with("a real training", "60s", &[]) else { return };
    let agent = world.agent(A, 1);
    world.submit_text(
        "name: real
data: { name: synthetic, train: 600, validation: 100, test: 200 }
measure: false
stages:
  base: { train: { model: tiny-cnn, epochs: 6 } }
",
    );
    agent.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    world.cut(A);
    world.cable.wait_swallowed(A, COORDINATOR, 5);
    world.mend(A);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.job("base")["attempt"], 1);
    let results = world.json(&["results"]);
    assert!(results[0]["accuracy"].as_f64().is_some(), "{results}");
}

#[test]
fn what_an_absent_agent_had_is_continued_elsewhere_and_its_late_reports_have_no_effect() {
    let Some(mut world) = World::new("stolen") else { return };
    let a = world.agent(A, 2);
    world.submit(1000, &[("quick", ""), ("slow", "")]);
    for attempt in ["j1.1", "j2.1"] {
        world.said.wait_for(&format!("began {attempt} a"));
        world.order(attempt, &["epoch"]);
        a.wait_for(&format!("the coordinator has recorded the checkpoint of epoch 1 token={attempt}"));
    }
    world.agent(B, 2);
    world.cut(A);
    // In the dark one goes on, and the other succeeds.
    world.order("j1.1", &["epoch", "bare"]);
    world.order("j2.1", &["epoch"]);
    world.said.wait_for("done j1.1 a");
    world.said.wait_for("epoch j2.1 a 2");
    for attempt in ["j1.2", "j2.2"] {
        world.said.wait_for(&format!("resumed {attempt} b 1"));
        world.order(attempt, &["epoch"]);
        world.said.wait_for(&format!("epoch {attempt} b 2"));
    }
    world.mend(A);
    world.said.wait_for("gone j2.1 a");
    world.coordinator_said().wait_for("a report of an attempt that is over has no effect token=j1.1");
    world.order("j1.2", &["epoch", "finish"]);
    world.order("j2.2", &["epoch", "finish"]);
    assert_eq!(world.watched(), Some(0));
    for (stage, attempt) in [("quick", "j1"), ("slow", "j2")] {
        let trail = [format!("1 {attempt}.1"), format!("2 {attempt}.2"), format!("3 {attempt}.2")];
        assert_eq!(world.trail(stage), trail);
        assert_eq!((world.job(stage)["attempt"].as_u64(), world.began(attempt)), (Some(2), 2));
    }
}

#[test]
fn work_that_outlived_a_long_outage_counts_when_nobody_else_began_it() {
    let Some(mut world) = World::new("outlived") else { return };
    world.agent(A, 1);
    world.submit(1000, &[("first", "epoch"), ("second", "finish")]);
    world.said.wait_for("epoch j1.1 a 1");
    world.cut(A);
    world.order("j1.1", &["epoch"]);
    world.coordinator_said().wait_for("an agent has been silent for too long");
    world.order("j1.1", &["epoch", "finish"]);
    world.said.wait_for("gone j1.1 a");
    world.mend(A);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.trail("first"), ["1 j1.1", "2 j1.1", "3 j1.1"]);
    assert_eq!((world.began("j1"), world.began("j2")), (1, 1));
}

#[test]
fn a_job_that_was_cancelled_while_its_agent_was_away_dies_when_it_is_back() {
    let Some(mut world) = World::new("cancelled in the dark") else { return };
    let a = world.agent(A, 1);
    world.submit(1000, &[("one", "epoch")]);
    world.said.wait_for("epoch j1.1 a 1");
    world.cut(A);
    world.coordinator_said().wait_for("an agent has been silent for too long");
    let mark = a.mark();
    assert_eq!(world.user(&["cancel"]).0, Some(0));
    assert_eq!(world.job("one")["state"], "cancelled", "at once");
    world.order("j1.1", &["epoch"]);
    world.said.wait_for("epoch j1.1 a 2");
    world.mend(A);
    world.said.wait_for("gone j1.1 a");
    a.wait_since(mark, "the coordinator has recorded a cancellation");
    assert_eq!(world.watched(), Some(4));
    assert_eq!(world.job("one")["state"], "cancelled");
}
