//! Sweeps that take longer than one turn.

use crate::lab::Lab;

/// Slurm looks at time limits twice a minute, and signals up to a minute early: within half a minute of its start, an agent of these terms is told.
const SHORT: &str = "time=2,lead=115s,label=room=b12";

#[test]
fn a_sweep_runs_to_its_end_across_a_time_limit() {
    let Some(mut lab) = Lab::new("a sweep runs to its end across a time limit") else { return };
    let said = lab.launch(SHORT);
    assert!(said.contains("asked Slurm for 1 allocation (job 1)"), "{said}");
    let log = lab.log("1_1");
    lab.submit(&[("one", "epoch epoch")]);
    lab.said.wait_for("epoch j1.1 n1 2");
    log.wait_for("the time limit is near");
    lab.said.wait_for("gone j1.1 n1");
    log.wait_for("back to the queue");
    let agent = lab.agent_id("1_1");
    let known = lab.json(&["agents"]);
    assert_eq!((&known[0]["id"], &known[0]["labels"]["room"]), (&agent.as_str().into(), &"b12".into()), "{known}");
    // Slurm gives it a place again, by itself.
    log.wait_for("allocation 1_1, start 2");
    lab.said.wait_for("resumed j1.2 n1 2");
    assert_eq!(lab.agent_id("1_1"), agent, "it came back as the same agent");
    lab.said.wait_for("epoch j1.2 n1 4");
    lab.order("j1.2", &["finish"]);
    assert_eq!(lab.watched(), Some(0));
    assert_eq!(lab.trail("one"), ["1 j1.1", "2 j1.1", "3 j1.2", "4 j1.2"]);
    assert_eq!(lab.attempts("j1"), ["interrupted", "succeeded"], "no retry is spent");
}
