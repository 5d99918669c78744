//! Allocations that end early, by whatever hand.

use std::fs;

use crate::cluster::tail;
use crate::lab::Lab;

/// Never up in the time of a story.
const LONG: &str = "time=30";

#[test]
fn a_cancelled_allocation_gives_its_jobs_to_another_and_spends_no_retry() {
    let Some(mut lab) = Lab::new("an allocation is cancelled") else { return };
    lab.launch(&format!("count=2,{LONG}"));
    let logs = [lab.log("1_1"), lab.log("1_2")];
    for log in &logs {
        log.wait_for("connected");
    }
    // One that tells of epochs, and one that would end with any signal.
    lab.submit(&[("one", "epoch")]);
    let began = lab.said.wait_for("epoch j1.1");
    let (on, other) = if began.contains(" n1 ") { ("n1", "n2") } else { ("n2", "n1") };
    let node = lab.json(&["agents", "status", "--slurm", &lab.spec("")]);
    let allocation =
        node.as_array().unwrap().iter().find(|one| one["node"] == on).expect("it runs")["allocation"].clone();
    let allocation = allocation.as_str().unwrap().to_owned();
    let log = lab.log(&allocation);
    log.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    lab.cluster.slurm(&["scancel", &allocation]);
    log.wait_for("Slurm ends this allocation");
    lab.said.wait_for(&format!("resumed j1.2 {other} 1"));
    lab.order("j1.2", &["finish"]);
    assert_eq!(lab.watched(), Some(0));
    assert_eq!(lab.attempts("j1"), ["interrupted", "succeeded"]);
    assert!(log.all().iter().all(|line| !line.contains("back to the queue")), "who was cancelled does not come back");
    // The other is told to leave, and does.
    let (code, said) = lab.user(&["agents", "stop", "--slurm", &lab.spec("")]);
    assert!(code == Some(0) && said.contains("1 allocation told"), "{said}");
    let left = if allocation == "1_1" { &logs[1] } else { &logs[0] };
    left.wait_for("told to stop by sweep agents stop");
}

#[test]
fn an_allocation_that_slurm_requeues_goes_on_from_its_checkpoint_also_with_a_command_that_knows_no_signals() {
    let Some(mut lab) = Lab::new("an allocation is requeued") else { return };
    let scratch = lab.file("scratch");
    fs::create_dir(&scratch).unwrap();
    let on_scratch = || fs::read_dir(&scratch).unwrap().count();
    lab.launch(&format!("slots=2,scratch={},{LONG}", scratch.display()));
    let log = lab.log("1_1");
    let pid = lab.file("pid");
    let plain = format!(
        "  plain: {{ command: {{ run: [/bin/sh, -c, 'echo x >> {0}; test $(wc -l < {0}) = 2 || exec sleep 600'] }} }}\n",
        pid.display()
    );
    let trained = crate::runners::plan(&lab.file(""), 1000, &[("one", "epoch")]);
    lab.submit_text(&(trained + &plain));
    lab.said.wait_for("epoch j1.1 n1 1");
    log.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    tail(&pid).said.wait_for("x");
    assert_eq!(on_scratch(), 1);
    assert!(!lab.file("fleet/agents/1_1/agent/attempts").exists(), "jobs run on the node's own disk");
    lab.cluster.slurm(&["scontrol", "requeue", "1_1"]);
    lab.said.wait_for("resumed j1.2 n1 1");
    assert_eq!(on_scratch(), 1, "the turn before has cleared up");
    lab.order("j1.2", &["finish"]);
    assert_eq!(lab.watched(), Some(0));
    assert_eq!(lab.attempts("j1"), ["interrupted", "succeeded"]);
    assert_eq!(lab.attempts("j2"), ["interrupted", "succeeded"]);
}

#[test]
fn a_node_that_loses_power_costs_what_was_not_checkpointed_and_no_retry() {
    let Some(mut lab) = Lab::new("a node loses power") else { return };
    lab.launch(LONG);
    let log = lab.log("1_1");
    lab.submit(&[("one", "epoch")]);
    lab.said.wait_for("epoch j1.1 n1 1");
    log.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    let agent = lab.agent_id("1_1");
    lab.cluster.pull_the_plug("n1");
    lab.said.wait_for("gone j1.1 n1");
    // As an administrator does who does not want to wait for SlurmdTimeout.
    lab.cluster.slurm(&["scontrol", "update", "NodeName=n1", "State=DOWN", "Reason=power"]);
    lab.said.wait_for("resumed j1.2 n2 1");
    assert_eq!(lab.agent_id("1_1"), agent, "on another node it is the same agent");
    lab.order("j1.2", &["finish"]);
    assert_eq!(lab.watched(), Some(0));
    assert_eq!(lab.trail("one"), ["1 j1.1", "2 j1.2"]);
    assert_eq!(lab.attempts("j1"), ["lost", "succeeded"]);
}

#[test]
fn an_agent_that_is_killed_is_started_again_in_its_allocation() {
    let Some(mut lab) = Lab::new("an agent is killed on its node") else { return };
    lab.launch(LONG);
    let log = lab.log("1_1");
    lab.submit(&[("one", "epoch")]);
    log.wait_for("the coordinator has recorded the checkpoint of epoch 1");
    let agent = lab.agent_id("1_1");
    lab.kill_agent("1_1");
    log.wait_for("the agent ended unexpectedly (status 137");
    lab.said.wait_for("resumed j1.2 n1 1");
    assert_eq!(lab.agent_id("1_1"), agent);
    lab.order("j1.2", &["finish"]);
    assert_eq!(lab.watched(), Some(0));
}
