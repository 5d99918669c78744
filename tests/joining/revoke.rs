//! An agent that is thrown out while it works.

use std::fs;

use sweep_shared::wire::v1;
use sweep_worker::AgentError;

use crate::site::{Machine, Site};

#[tokio::test]
async fn a_revoked_agent_ends_its_runners_and_comes_back_by_a_new_token_only() {
    let (mut site, machine, other) = (Site::new().await, Machine::new(), Machine::new());
    let agent = machine.start(&site.url(), Some(site.invite().await));
    let revoked = site.hears("agent_enrolled").await.actor;
    site.hears("agent_joined").await;
    let fifo = machine.path().join("pid");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // The fifo is gone before anybody hears of the job, which may be killed at any moment from then on.
    let long =
        "exec 3> {0}; rm {0}; echo $$ >&3; exec 3>&-; exec sleep 1000".replace("{0}", &fifo.display().to_string());
    let script = format!("if [ -p {} ]; then {long}; fi", fifo.display());
    let plan_yaml = format!("name: thrown-out\nstages:\n  long: {{ command: {{ run: [/bin/sh, -c, '{script}'] }} }}\n");
    site.sweeps.submit(v1::SubmitRequest { plan_yaml, ..Default::default() }).await.unwrap();
    // Opening a fifo waits for its writer: the job runs when this returns.
    let pid = tokio::task::spawn_blocking(move || fs::read_to_string(fifo)).await.unwrap().unwrap();
    let done = site.access.revoke_agent(v1::RevokeAgentRequest { agent: revoked.clone() }).await.unwrap();
    assert_eq!(done.into_inner().changed, 1);
    let end = agent.ended().await.expect_err("it is thrown out");
    assert!(matches!(&end, AgentError::Expelled(why) if why.contains("revoked")), "{end}");
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "its runner is gone with it");

    // The job is free, and another agent does it.
    let helper = other.start(&site.url(), Some(site.invite().await));
    let mut watch = site.sweeps.watch(v1::SweepRequest { sweep: 1, ..Default::default() }).await.unwrap().into_inner();
    while watch.message().await.unwrap().is_some() {}
    let status = site.sweeps.status(v1::SweepRequest { sweep: 1, ..Default::default() }).await.unwrap().into_inner();
    assert_eq!((status.jobs[0].state.as_str(), status.jobs[0].attempt), ("succeeded", 2), "{status:?}");
    helper.leaves().await;

    let still = machine.refused(&site.url(), None).await;
    assert!(matches!(&still, AgentError::Expelled(_)), "{still}");
    let back = machine.start(&site.url(), Some(site.invite().await));
    while site.hears("agent_enrolled").await.actor != revoked {}
    back.leaves().await;
}
