//! Agents that are brought up by SSH: `sweep agents launch`, from the coordinator's host to two others with real sshds.

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::needs;
use crate::sshd::Reached;
use crate::world::{A, B, COORDINATOR, World};

const BOTH: &str = "  - { host: a, env: { STORY_HOST: a } }\n  - { host: b, env: { STORY_HOST: b } }\n";

fn reached(story: &str) -> Option<Reached> {
    if !needs::openssh(story) {
        return None;
    }
    World::new(story).map(|world| Reached::new(world, &[A, B]))
}

/// One word of each row.
fn words<'a>(rows: &'a [Value], field: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[field].as_str().unwrap_or_default()).collect()
}

#[test]
fn two_hosts_are_launched_by_one_command_and_outlive_it() {
    let Some(mut fleet) = reached("a fleet over SSH") else { return };
    let hosts = fleet.list(BOTH);
    let (code, rows) = fleet.rows(&["launch", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(0), vec!["runs", "runs"]), "{rows:?}");
    for host in [A, B] {
        let run = fleet.root(host).join("run");
        assert!(!run.join("join-token").exists(), "a token stays on no host");
        let mode = std::os::unix::fs::PermissionsExt::mode(&run.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "nobody else looks into it");
    }
    // Every connection is closed, and none can be opened.
    fleet.close_servers();
    fleet.world.submit(1000, &[("one", "epoch"), ("two", "epoch")]);
    let on_a = if fleet.world.said.wait_for("epoch j1.1").contains(" a ") { "j1" } else { "j2" };
    let on_b = if on_a == "j1" { "j2" } else { "j1" };
    fleet.world.said.wait_for(&format!("epoch {on_a}.1 a 1"));
    fleet.world.said.wait_for(&format!("epoch {on_b}.1 b 1"));

    // What died is started again, and goes on from its checkpoint.
    let coordinator = fleet.world.coordinator_said();
    let agent = fleet.agent_pids(A)[0];
    kill(agent, Signal::SIGKILL).unwrap();
    fleet.world.said.wait_for(&format!("gone {on_a}.1 a"));
    fleet.world.said.wait_for(&format!("began {on_a}.2 a"));
    fleet.world.order(&format!("{on_a}.2"), &["epoch"]);

    fleet.open_servers(&[A, B]);
    let (code, rows) = fleet.rows(&["launch", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(0), vec!["ran already"; 2]), "{rows:?}");
    let (code, rows) = fleet.rows(&["status", &hosts]);
    assert_eq!((code, words(&rows, "process")), (Some(0), vec!["running"; 2]), "{rows:?}");
    assert_eq!((&rows[0]["restarts"], &rows[1]["restarts"]), (&1.into(), &0.into()), "{rows:?}");

    // One is cut off: it works on, and the table tells what can be known.
    let mark = coordinator.mark();
    fleet.world.cut(B);
    fleet.world.order(&format!("{on_b}.1"), &["epoch"]);
    fleet.world.said.wait_for(&format!("epoch {on_b}.1 b 2"));
    coordinator.wait_since(mark, "an agent's stream ended");
    let (code, rows) = fleet.rows(&["status", &hosts]);
    assert_eq!((code, words(&rows, "process")), (Some(3), vec!["running", "unknown"]), "{rows:?}");
    assert_eq!((&rows[0]["connected"], &rows[1]["connected"]), (&true.into(), &false.into()), "{rows:?}");
    assert!(rows[1]["why"].as_str().unwrap().contains("does not answer"), "{rows:?}");
    let (_, table) = fleet.agents(&["status", &hosts]);
    let line = |host: &str| {
        table.lines().find(|line| line.trim_start().starts_with(host)).unwrap_or_else(|| panic!("{table}"))
    };
    assert!(line("a ").contains("runs for") && line("a ").contains("connected"), "{table}");
    assert!(line("b ").contains("unknown") && line("b ").contains("away for"), "{table}");
    let mark = coordinator.mark();
    fleet.world.mend(B);
    coordinator.wait_since(mark, "an agent is here");

    for job in [on_a, on_b] {
        let attempt = fleet.world.job(if job == "j1" { "one" } else { "two" })["attempt"].as_i64().unwrap();
        fleet.world.order(&format!("{job}.{attempt}"), &["finish"]);
    }
    assert_eq!(fleet.world.watched(), Some(0));
    let (code, said) = fleet.agents(&["logs", &hosts, "-n", "200"]);
    assert!(
        code == Some(0) && said.contains("a: ") && said.contains("keeper: the agent was killed by signal 9"),
        "{said}"
    );
    let (code, rows) = fleet.rows(&["stop", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(0), vec!["stopped"; 2]), "{rows:?}");
    assert!(fleet.agent_pids(A).is_empty() && fleet.agent_pids(B).is_empty());
    let (code, rows) = fleet.rows(&["status", &hosts]);
    assert_eq!((code, words(&rows, "process")), (Some(3), vec!["stopped"; 2]), "{rows:?}");
    let (code, rows) = fleet.rows(&["stop", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(0), vec!["ran not"; 2]), "{rows:?}");
}

#[test]
fn an_upgrade_has_jobs_go_on_from_their_checkpoints() {
    let Some(fleet) = reached("an upgrade over SSH") else { return };
    let hosts = fleet.list("  - { host: a, env: { STORY_HOST: a } }\n");
    assert_eq!(fleet.rows(&["launch", &hosts]).0, Some(0));
    fleet.world.submit(1000, &[("one", "")]);
    fleet.world.said.wait_for("began j1.1 a");
    fleet.world.order("j1.1", &["epoch"]);
    fleet.world.said.wait_for("epoch j1.1 a 1");
    fleet.list("  - { host: a, slots: 2, env: { STORY_HOST: a } }\n");
    let (code, rows) = fleet.rows(&["launch", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(0), vec!["ran already"]), "{rows:?}");
    assert!(rows[0]["notes"].to_string().contains("sweep agents upgrade"), "{rows:?}");
    let id = rows[0]["agent"].clone();
    let (code, rows) = fleet.rows(&["upgrade", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(0), vec!["runs, upgraded"]), "{rows:?}");
    assert_eq!(rows[0]["agent"], id, "it is the same agent");
    assert_eq!(fleet.world.json(&["agents"])[0]["slots"], 2);
    fleet.world.said.wait_for("resumed j1.2 a 1");
    fleet.world.order("j1.2", &["finish"]);
    assert_eq!(fleet.world.watched(), Some(0));
    assert_eq!(fleet.world.trail("one"), ["1 j1.1"]);
}

#[test]
fn hosts_that_fail_say_why_and_the_others_run() {
    let Some(mut fleet) = reached("hosts that fail") else { return };
    // Nobody has ever seen this key; and at the other name there is no server.
    let config = fleet.world.folder().join("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replacen("Host a\n", "Host a\n HostKeyAlias never-seen\n", 1)).unwrap();
    let hosts = fleet.list("  - a\n  - b\n  - { host: b, port: 9, name: nobody }\n");
    let (code, rows) = fleet.rows(&["launch", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(3), vec!["failed", "runs", "failed"]), "{rows:?}");
    let (why, remedies) = (words(&rows, "failed"), words(&rows, "remedy"));
    assert!(
        why[0].contains("is not known here (ssh-ed25519 SHA256:") && remedies[0].contains("run `ssh a` once"),
        "{rows:?}"
    );
    assert!(why[2].contains("no SSH server") && remedies[2].contains("`port:`"), "{rows:?}");
    assert!(!fleet.root(A).exists(), "nothing was put on a host that is not trusted");

    // Another host answers in the place of b.
    fleet.close_servers();
    let key = fleet.world.folder().join("host-b");
    std::fs::copy(fleet.world.folder().join("host-a"), &key).unwrap();
    fleet.open_servers(&[B]);
    let (code, rows) = fleet.rows(&["status", &hosts, "--only", "b"]);
    assert_eq!(code, Some(3), "{rows:?}");
    assert!(rows[0]["why"].as_str().unwrap().contains("another than the one known here"), "{rows:?}");
}

#[test]
fn copying_goes_on_where_a_cut_stopped_it() {
    let Some(fleet) = reached("a cut while copying") else { return };
    let hosts = fleet.list("  - { host: a, env: { STORY_HOST: a } }\n");
    let size = fleet.world.folder().join("bin/sweep").metadata().unwrap().len();
    fleet.world.cable.cut_after(COORDINATOR, A, size * 2 / 3);
    let (code, rows) = fleet.rows(&["launch", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(3), vec!["failed"]), "{rows:?}");
    let before = fleet.world.cable.link(COORDINATOR, A).arrived_bytes;
    fleet.world.mend(A);
    let (code, rows) = fleet.rows(&["launch", &hosts]);
    assert_eq!((code, words(&rows, "outcome")), (Some(0), vec!["runs"]), "{rows:?}");
    let again = fleet.world.cable.link(COORDINATOR, A).arrived_bytes - before;
    assert!(again < size * 2 / 3, "{again} bytes of {size} were sent again");
}
