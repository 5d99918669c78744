//! A coordinator moves to another machine: its database from a backup, its CA and its artifacts along with it.

use std::fs;
use std::path::Path;
use std::process::Command;

use sweep_tests::{Home, Talking, text};

/// `first` is over before the move, `second` in the middle of its work.
const PLAN: &str = "name: moving
stages:
  first: { command: { run: [/bin/sh, -c, 'echo one > out.txt'], outputs: [out.txt] } }
  second: { command: { run: [/bin/sh, -c, 'echo began >> FOLDER/marks; read go < FOLDER/go; cat inputs/0/out.txt > out.txt'], input: first, outputs: [out.txt] } }
";

/// What a move takes along (docs/operating.md).
const KEPT: [&str; 4] = ["tls", "artifacts", "logs", "seal.key"];

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

fn serve(home: &Home) -> (Talking, String) {
    let mut coordinator = Talking::start(home.sweep().args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls",
        "on",
        "--reconnect-grace",
        "1s",
    ]));
    let line = coordinator.wait_for(|line| line.contains(" serves https://"));
    let url = line.split_whitespace().find(|word| word.starts_with("https://")).unwrap().to_owned();
    (coordinator, url)
}

#[test]
fn a_coordinator_moves_and_its_agents_go_on_with_the_certificates_that_they_have() {
    let (old, new, machine) = (Home::new(), Home::new(), Home::new());
    let (coordinator, url) = serve(&old);
    let token = old.json(&["agents", "invite"])["token"].as_str().unwrap().to_owned();
    let agent = |url: &str| {
        let mut command = machine.sweep();
        command.args(["agent", "--coordinator", url]).stderr(std::process::Stdio::inherit());
        command
    };
    let first = Talking::start(agent(&url).env("SWEEP_JOIN_TOKEN", &token));
    let go = machine.file("go");
    assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
    let plan = old.plan(&PLAN.replace("FOLDER", &machine.path().display().to_string()));
    let mut submitted = Talking::start(old.sweep().args(["submit", "--watch"]).arg(plan));
    submitted.wait_for(|line| line.contains("second") && line.contains("running"));
    submitted.signal("-INT");
    submitted.finish();

    coordinator.signal("-TERM");
    assert!(coordinator.finish().0.success());
    let backup = machine.file("backup.db").display().to_string();
    let made = old.run(&["db", "backup", &backup]);
    assert!(made.status.success(), "{}", text(&made));
    fs::create_dir_all(new.path().join("home")).unwrap();
    for kept in KEPT {
        copy(&old.path().join("home").join(kept), &new.path().join("home").join(kept));
    }
    let restored = new.run(&["db", "restore", &backup]);
    assert!(restored.status.success(), "{}", text(&restored));
    let (coordinator, url) = serve(&new);
    // It knows the old address only, and is started with the new one. No token: its certificate goes on to count.
    first.signal("-TERM");
    first.finish();
    let second = Talking::start(&mut agent(&url));
    let mut watching = Talking::start(new.sweep().args(["watch", "s1"]));
    watching.wait_for(|line| line.contains("second") && line.contains("running"));
    fs::write(&go, "go\n").unwrap();
    let (status, said) = watching.finish();
    assert!(status.success(), "{said}");
    let results = new.json(&["results"]);
    let stages: Vec<&str> = results.as_array().unwrap().iter().filter_map(|row| row["stage"].as_str()).collect();
    assert_eq!(stages, ["first", "second"], "{results}");
    let made = new.path().join("home/results/s1/second/out.txt");
    assert_eq!(fs::read_to_string(made).unwrap(), "one\n", "what the old one kept is what the new one gives out");
    second.signal("-TERM");
    second.finish();
    coordinator.signal("-TERM");
    coordinator.finish();
}
