//! `sweep serve` and `sweep agent` as processes of their own, used from others.

mod support;

use std::fs;

use nix::sys::signal::Signal;
use support::{Home, Talking, serve};

#[test]
fn a_submitted_plan_is_run_by_the_agent_and_both_stop_in_good_order() {
    let home = Home::new();
    let (coordinator, url) = serve(&home);
    let plan = home.write("plan.yaml", "name: two\nmeasure: false\nstages:\n  a:\n    command: { run: [/bin/echo, 'i is ${i}'] }\n    matrix: { i: [1, 2] }\n");
    let plan = plan.to_str().unwrap();

    let submitted = home.wants(0, &["submit", plan]);
    assert!(submitted.stdout.contains("s1") && submitted.stderr.contains("no agent"), "{}", submitted.text());

    let agent = Talking::start(home.sweep(&["agent", "--slots", "2"]));
    let watched = home.wants(0, &["watch", "s1"]);
    assert!(watched.stdout.contains("2 of 2 jobs done"), "{}", watched.text());
    assert_eq!(home.json(&["agents"])[0]["connected"], true);

    // From elsewhere, the token has to be brought along.
    let elsewhere = Home::new();
    elsewhere.wants(2, &["status", "--coordinator", &url]);
    let token = home.path().join("token");
    let token = token.to_str().unwrap();
    let status = elsewhere.json(&["status", "--coordinator", &url, "--token-file", token]);
    assert_eq!(status["state"], "finished");
    let wrong = support::ended(
        elsewhere.sweep(&["status", "--coordinator", &url]).env("SWEEP_TOKEN", "wrong").output().unwrap(),
    );
    assert_eq!(wrong.code, 3, "{}", wrong.text());

    agent.signal(Signal::SIGTERM);
    let ended = agent.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    coordinator.signal(Signal::SIGTERM);
    let ended = coordinator.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    // With nobody there, what is stored can still be looked at.
    assert_eq!(home.json(&["status"])["state"], "finished");
}

#[test]
fn leaving_watch_does_not_stop_the_sweep_and_cancel_ends_it() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let agent = Talking::start(home.sweep(&["agent"]));
    let fifo = home.fifo("there");
    let plan = home.write(
        "plan.yaml",
        &format!("name: long\nmeasure: false\nstages:\n  a:\n    command: {{ run: [/bin/sh, -c, 'echo $$ > {}; exec sleep 1000'] }}\n", fifo.display()),
    );
    home.wants(0, &["submit", plan.to_str().unwrap()]);
    fs::read_to_string(&fifo).unwrap();

    let mut watch = Talking::start(home.sweep(&["watch"]));
    watch.wait_for("running");
    watch.signal(Signal::SIGINT);
    let left = watch.finish();
    assert_eq!(left.code, 130, "{}", left.text());
    assert!(left.stderr.contains("sweep watch s1"), "{}", left.text());
    assert_eq!(home.json(&["status"])["state"], "active");

    let mut watch = Talking::start(home.sweep(&["watch", "s1"]));
    watch.wait_for("running");
    home.wants(0, &["cancel", "s1"]);
    let ended = watch.finish();
    assert_eq!(ended.code, 4, "{}", ended.text());
    agent.signal(Signal::SIGTERM);
    agent.finish();
}

#[test]
fn watch_survives_a_restart_of_the_coordinator() {
    let home = Home::new();
    let (coordinator, _) = serve(&home);
    let plan =
        home.write("plan.yaml", "name: waits\nmeasure: false\nstages:\n  a:\n    command: { run: [/bin/true] }\n");
    home.wants(0, &["submit", plan.to_str().unwrap()]);
    let mut watch = Talking::start(home.sweep(&["watch"]));
    watch.wait_for("1 job");

    coordinator.signal(Signal::SIGKILL);
    coordinator.finish();
    let (_coordinator, _) = serve(&home);
    let _agent = Talking::start(home.sweep(&["agent"]));
    let ended = watch.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert!(ended.stderr.contains("connected again"), "{}", ended.text());
}

#[test]
fn a_second_coordinator_on_a_home_is_refused_in_words() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let refused = home.wants(3, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(refused.stderr.contains("another coordinator"), "{}", refused.text());
    let open = Home::new();
    let plain = open.wants(2, &["serve", "--listen", "0.0.0.0:0", "--tls", "off"]);
    assert!(plain.stderr.contains("not a loopback address"), "{}", plain.text());
}

#[test]
fn a_keeper_does_not_start_again_what_another_start_would_not_help() {
    let (home, run) = (Home::new(), tempfile::tempdir().unwrap());
    let folder = run.path().to_str().unwrap();
    home.wants(0, &["agent", "--coordinator", "https://127.0.0.1:1", "--keep", folder]);
    let log = std::fs::read_to_string(run.path().join("agent.log")).unwrap();
    assert!(log.contains("has not joined") && log.contains("another start would not change that"), "{log}");
    assert!(!run.path().join("pid").exists());
}
