//! An agent that is thrown out in the middle of its work.

use serde_json::Value;

use crate::world::{A, B, World};

/// Whoever was only disconnected has so long to come back.
const GRACE: &str = "60s";
/// An agent that is not trusted any more must not stay for longer.
const OUT_WITHIN_MS: i64 = 2_000;

#[test]
fn a_revoked_agent_is_out_at_once_and_another_finishes_its_job() {
    let Some(mut world) = World::with("revoked", "60s", &[("SWEEP_RECONNECT_GRACE", GRACE)]) else { return };
    let a = world.agent(A, 1);
    world.submit(1000, &[("one", "")]);
    world.said.wait_for("began j1.1 a");
    world.order("j1.1", &["epoch"]);
    a.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    world.agent(B, 1);
    let id = world.agent_id(A);
    let (code, said) = world.user(&["agents", "revoke", &id]);
    assert_eq!(code, Some(0), "{said}");
    a.wait_for("the coordinator does not let this agent in any more");
    world.said.wait_for("gone j1.1 a");
    assert_eq!(world.agent_ended(A), Some(3));
    world.said.wait_for("resumed j1.2 b 1");
    world.order("j1.2", &["epoch", "finish"]);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.trail("one"), ["1 j1.1", "2 j1.2"]);

    let log = world.json(&["events", "--limit", "1000"]);
    let revoked = at_ms(&log, |row| row["what"] == "agent_revoked");
    let again = at_ms(&log, |row| row["what"] == "running" && row["attempt"] == 2);
    assert!((0..OUT_WITHIN_MS).contains(&(again - revoked)), "out after {} ms: {log}", again - revoked);
    let certificates = world.json(&["agents", "certificates", "--all"]);
    let row = certificates.as_array().unwrap().iter().find(|row| row["agent"] == *id).unwrap();
    assert!(row["revoked_ms"].as_i64().is_some(), "{row}");
}

fn at_ms(log: &Value, is_meant: impl Fn(&Value) -> bool) -> i64 {
    let row = log.as_array().unwrap().iter().find(|row| is_meant(row)).unwrap_or_else(|| panic!("not in {log}"));
    row["at_ms"].as_i64().unwrap()
}
