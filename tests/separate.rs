//! `sweep serve` and `sweep agent` as processes of their own, and a user's commands from a third.

use std::process::Command;

use sweep_tests::{Home, Pair, Talking, text};

fn start(home: &Home) -> Pair {
    Pair::start(home, home.sweep().args(["agent", "--slots", "2"]))
}

#[test]
fn submitted_from_a_third_process_the_work_is_done_by_the_agent() {
    let home = Home::new();
    let plan = home.plan(
        "name: separate
data: { name: synthetic, train: 600, validation: 100, test: 200 }
measure: { latency: { batch: [1], runs: 5 } }
stages:
  base: { train: { model: tiny-cnn, epochs: 1 } }
  hello: { command: { run: [/bin/echo, 'hello ${i}'] }, matrix: { i: [1, 2, 3] } }
",
    );
    let _pair = start(&home);
    let submitted = home.run(&["submit", plan.to_str().unwrap(), "--watch"]);
    assert_eq!(submitted.status.code(), Some(0), "{}", text(&submitted));

    let status = home.json(&["status"]);
    let hello = status["jobs"].as_array().unwrap().iter().find(|j| j["label"] == "i=2").expect("a job labelled i=2");
    let id = hello["id"].to_string();
    let logs = home.run(&["logs", id.trim_matches('"')]);
    assert_eq!(String::from_utf8_lossy(&logs.stdout).trim(), "hello 2", "{}", text(&logs));
    let points = home.json(&["results"]);
    assert!(points.as_array().unwrap().iter().any(|p| p["stage"] == "base" && p["latency_ms_b1"].as_f64().is_some()));
}

#[test]
fn a_cancelled_sweep_ends_its_processes_and_says_4() {
    let home = Home::new();
    let marker = home.file("running");
    let status = Command::new("mkfifo").arg(&marker).status().unwrap();
    assert!(status.success());
    let plan = home.plan(&format!(
        "name: cancel\nstages:\n  long:\n    command: {{ run: [/bin/sh, -c, 'echo $$ > {}; exec sleep 1000'] }}\n",
        marker.display()
    ));
    let pair = start(&home);
    let watch = Talking::start(home.sweep().args(["submit", plan.to_str().unwrap(), "--watch"]));
    // Opening a fifo waits for its writer: the job has started when this returns.
    let pid = std::fs::read_to_string(&marker).unwrap();
    let cancelled = home.run(&["cancel"]);
    assert_eq!(cancelled.status.code(), Some(0), "{}", text(&cancelled));
    let (status, said) = watch.finish();
    assert_eq!(status.code(), Some(4), "{said}");
    drop(pair);
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the job's process is gone once its agent is");
}
