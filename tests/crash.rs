//! `kill -9` of the whole `sweep local` in the middle, then the same command again.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use sweep_tests::{Home, Talking, epoch, text};

/// Command stages that leave a mark each time they run, before and after a training job long enough to be met half-way.
fn plan(side_effects: &str) -> String {
    format!(
        "name: crash
data: {{ name: synthetic, train: 1500, validation: 200, test: 300 }}
measure: false
stages:
  before:
    command: {{ run: [/bin/sh, -c, 'echo before-${{i}} >> {side_effects}'] }}
    matrix: {{ i: [1, 2, 3, 4, 5] }}
  base:
    train: {{ model: small-cnn, epochs: 8, batch: 64 }}
  after:
    command: {{ run: [/bin/sh, -c, 'echo after >> {side_effects}'], input: base }}
"
    )
}

#[test]
fn killed_in_the_middle_it_continues_and_repeats_nothing() {
    let home = Home::new();
    let marks = home.file("marks");
    let plan = home.plan(&plan(marks.to_str().unwrap()));
    let plan = plan.to_str().unwrap();

    let mut first = Talking::start(home.sweep().args(["local", plan]));
    first.wait_for(|line| epoch(line) >= Some(3));
    first.signal("-KILL");
    let (status, said) = first.finish();
    assert_eq!(status.code(), None, "killed by a signal; it said:\n{said}");
    assert!(!read_marks(&marks).contains_key("after"), "the kill came before the end");

    let second = home.run(&["local", plan]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second));
    let wanted = ["after", "before-1", "before-2", "before-3", "before-4", "before-5"];
    assert_eq!(read_marks(&marks), wanted.iter().map(|m| ((*m).to_owned(), 1)).collect());

    let status = home.json(&["status"]);
    let base = job(&status, "base");
    assert_eq!(base["attempt"], 2, "{base:#}");
    let from = base["resumed_from"].as_u64().unwrap();
    assert!((1..8).contains(&from), "the job continued from a checkpoint: {base:#}");
}

#[test]
fn interrupted_with_ctrl_c_it_says_so_and_continues() {
    let home = Home::new();
    let marks = home.file("marks");
    let plan = home.plan(&plan(marks.to_str().unwrap()));
    let plan = plan.to_str().unwrap();

    let mut first = Talking::start(home.sweep().args(["local", plan]));
    first.wait_for(|line| epoch(line) >= Some(2));
    first.signal("-INT");
    let (status, said) = first.finish();
    assert_eq!(status.code(), Some(130), "{said}");

    let second = home.run(&["local", plan]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second));
    let status = home.json(&["status"]);
    assert!(job(&status, "base")["resumed_from"].as_u64().unwrap() >= 1, "{status:#}");
    assert_eq!(read_marks(&marks).len(), 6);
}

fn read_marks(path: &std::path::Path) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn job<'a>(status: &'a Value, stage: &str) -> &'a Value {
    let jobs = status["jobs"].as_array().unwrap_or_else(|| panic!("no jobs in {status:#}"));
    jobs.iter().find(|j| j["stage"] == stage).unwrap_or_else(|| panic!("no {stage} in {status:#}"))
}
