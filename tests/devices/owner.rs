//! What the machine's owner says in `agent.toml`.

use std::fs;

use crate::lab::{Lab, SMALL, arrived, go, holding, stage};

#[test]
fn a_cap_bounds_what_all_jobs_together_may_have() {
    let lab = Lab::open(&[SMALL], "[devices.GPU-aa]\nmemory = \"50 %\"\ncompute = \"30 %\"\nslots = 2\n", 1);
    let pipes = ["here", "go"].map(|name| lab.pipe(name));
    let [here, leave] = &pipes;
    let shares = lab.home.file("shares");
    let script = format!(
        "echo $CUDA_MPS_ACTIVE_THREAD_PERCENTAGE $(nice) > {}; {}",
        shares.display(),
        holding(3072, here, leave)
    );
    let plan = format!(
        "{}{}{}",
        stage("one", "3 GiB", &script),
        stage("two", "2 GiB", "true"),
        stage("three", "5 GiB", "exit 0")
    );
    lab.submit(&plan);
    arrived(here);
    lab.explains(
        "two",
        &["It needs 2.0 GiB", "has 1.0 GiB free", "`agent.toml` lets sweep's jobs have 4.0 GiB together"],
    );
    lab.explains("three", &["It needs 5.0 GiB", "has 4.0 GiB in all; `agent.toml` lets sweep's jobs have 4.0 GiB"]);
    let shares = fs::read_to_string(shares).unwrap();
    let shares: Vec<&str> = shares.split_whitespace().collect();
    assert_eq!(shares, ["30", "13"]);
    // The owner needs it no longer.
    lab.rule("[devices.GPU-aa]\nslots = 2\n");
    lab.until_job("two", "succeeded");
    go(leave);
    lab.all_is_done();
}

#[test]
fn in_quiet_hours_what_runs_stops_and_nothing_begins() {
    let lab = Lab::open(&[SMALL], "", 1);
    let pipes = ["here", "go"].map(|name| lab.pipe(name));
    let [here, leave] = &pipes;
    lab.submit(&stage("work", "2 GiB", &holding(2048, here, leave)));
    arrived(here);
    let now = jiff::Zoned::now();
    let hour = |hours: i64| now.checked_add(jiff::Span::new().hours(hours)).unwrap().strftime("%H:%M").to_string();
    let until = hour(3);
    lab.rule(&format!("[devices.0]\nquiet = [\"{}-{until}\"]\n", hour(-1)));
    lab.explains("work", &["GPU 0 of ", &format!("has quiet hours until {until} by its `agent.toml`")]);
    let said = lab.explains("work", &["Attempt 1 on ", "was interrupted"]);
    assert!(said.contains(&format!("GPU 0 has quiet hours until {until}")), "{said}");
    assert_eq!(lab.explain("work")["job"]["attempts"][0]["state"], "interrupted", "no retry is spent");
    lab.rule("");
    arrived(here);
    go(leave);
    lab.all_is_done();
}

#[test]
fn a_mistake_in_the_file_is_named_and_the_agent_does_not_start() {
    let home = sweep_tests::Home::new();
    fs::create_dir(home.file("home")).unwrap();
    fs::write(home.file("home/agent.toml"), "[devices.0]\nmemmory = \"6 GiB\"\n").unwrap();
    let output = home.sweep().arg("agent").env("SWEEP_TOKEN", "secret").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", sweep_tests::text(&output));
    let said = sweep_tests::text(&output);
    assert!(said.contains("agent.toml:2: unknown field `memmory`; did you mean `memory`?"), "{said}");
}

#[test]
fn a_card_that_is_left_to_others_is_left_alone() {
    let lab = Lab::open(&[SMALL], "[devices.\"*\"]\nuse = false\n[devices.cpu]\nuse = true\n", 1);
    lab.submit(&stage("work", "2 GiB", "true"));
    lab.explains("work", &["`agent.toml` of ", "leaves GPU 0 of ", "to others (`use = false`)."]);
    lab.rule("");
    lab.all_is_done();
}
