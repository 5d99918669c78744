//! Fleets that follow the queue.

use nix::sys::signal::Signal;

use crate::lab::Lab;

#[test]
fn a_fleet_grows_with_the_queue_and_goes_when_there_is_nothing_to_do() {
    let Some(mut lab) = Lab::new("a fleet follows the queue") else { return };
    let spec = lab.spec("min=0,max=2,idle=15s,time=30");
    let follower = lab.start(&["agents", "launch", "--slurm", &spec, "--follow=200ms"]);
    follower.said.wait_for("nothing waits for an agent");
    lab.submit(&[("one", ""), ("two", ""), ("three", "epoch finish")]);
    follower.said.wait_for("asked Slurm for 2 more");
    let logs = [lab.log("1_1"), lab.log("1_2")];
    lab.said.wait_for("began j1.1");
    lab.said.wait_for("began j2.1");
    lab.order("j1.1", &["epoch", "finish"]);
    lab.order("j2.1", &["epoch", "finish"]);
    assert_eq!(lab.watched(), Some(0));
    // With nothing to do they leave, and their places are free.
    for log in logs {
        log.wait_for("the agent leaves: it had nothing to do for 15 s");
        log.wait_for("the agent has left");
    }
    follower.signal(Signal::SIGTERM);
    let (status, said) = follower.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("job 3"), "two were enough: {said}");
}

#[test]
fn following_ends_where_allocations_end_before_their_agents_join() {
    let Some(lab) = Lab::new("a fleet whose agents never join") else { return };
    let spec = lab.spec("min=1,max=2,time=30,sweep=/nowhere/sweep");
    let (code, said) = lab.user(&["agents", "launch", "--slurm", &spec, "--follow=200ms"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("its agent never joined") && said.contains("no program /nowhere/sweep"), "{said}");
}
