//! An upload is cut in the middle.

use crate::world::{A, COORDINATOR, World};

const CHECKPOINT: u64 = 8 << 20;

#[test]
fn an_upload_goes_on_where_it_was_cut_and_training_does_not_wait_for_it() {
    let Some(mut world) = World::new("an upload in two parts") else { return };
    let a = world.agent(A, 1);
    world.submit(CHECKPOINT, &[("one", "")]);
    world.said.wait_for("began j1.1 a");
    let before = world.cable.link(A, COORDINATOR).arrived_bytes;
    let sent = || world.cable.link(A, COORDINATOR).arrived_bytes - before;
    world.cable.cut_after(A, COORDINATOR, CHECKPOINT * 3 / 4);
    world.order("j1.1", &["epoch"]);
    world.cable.wait_cut(A, COORDINATOR);
    world.order("j1.1", &["light"]);
    world.said.wait_for("epoch j1.1 a 2");
    // Both connections are dead, not only slow.
    world.coordinator_said().wait_for("an agent's stream ended");
    a.wait_for("lost the coordinator; runners go on");
    world.mend(A);
    a.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    let sent = sent();
    assert!((CHECKPOINT..CHECKPOINT * 5 / 4).contains(&sent), "{sent} bytes for a checkpoint of {CHECKPOINT}");
    a.wait_for("the coordinator has recorded the checkpoint of epoch 2");
    world.order("j1.1", &["finish"]);
    assert_eq!(world.watched(), Some(0));
    assert_eq!(world.began("j1"), 1);
}
