//! Cards that are too small, that others use, that several jobs share.

use std::fs;

use crate::lab::{Lab, SMALL, arrived, go, holding, stage};

#[test]
fn a_job_too_large_for_the_card_says_so() {
    let lab = Lab::open(&["gpu GPU-aaaa laptop 6144"], "", 1);
    lab.submit(&stage("large", "8 GiB", "true"));
    let said =
        lab.explains("large", &["It needs 8.0 GiB of memory (as the plan says); the largest device for it, GPU 0 of "]);
    assert!(said.ends_with("has 6.0 GiB in all."), "{said}");
    assert_eq!(lab.home.run(&["cancel"]).status.code(), Some(0));
    assert_eq!(lab.job("large")["state"], "cancelled");
}

#[test]
fn whoever_holds_the_memory_is_named_and_when_they_leave_the_job_runs() {
    let mut lab = Lab::open(&[SMALL], "", 1);
    let pid = lab.stranger("blender");
    lab.tell(&[SMALL, &format!("graphics GPU-aaaa {pid} 5222")]);
    lab.until("the agent has seen it", || lab.gpus()[0]["status"]["others"][0]["pid"].as_u64());
    lab.submit(&stage("mine", "6 GiB", "true"));
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().expect("a user").name;
    let who = format!("blender (pid {pid}, {user}) holds 5.1 GiB");
    let said = lab.explains("mine", &["It needs 6.0 GiB of memory (as the plan says); GPU 0 of ", &who]);
    assert!(said.contains(" has 2.9 GiB free; "), "{said}");
    lab.tell(&[SMALL]);
    lab.all_is_done();
}

#[test]
fn a_process_of_another_container_bears_the_drivers_name_for_it() {
    // No process has such a number here.
    let story = [SMALL, "process GPU-aaaa 4200000000 7000", "named 4200000000 python3"];
    let lab = Lab::open(&story, "", 1);
    lab.submit(&stage("mine", "6 GiB", "true"));
    lab.explains("mine", &["python3 (pid 4200000000) holds 6.8 GiB"]);
    lab.tell(&[SMALL]);
    lab.all_is_done();
}

#[test]
fn two_jobs_share_a_card_and_a_third_waits_for_memory() {
    let lab = Lab::open(&[SMALL], "", 3);
    let pipes = ["here-1", "here-2", "go-1", "go-2"].map(|name| lab.pipe(name));
    let [here_1, here_2, go_1, go_2] = &pipes;
    let one = stage("one", "3 GiB", &holding(3072, here_1, go_1));
    let two = stage("two", "3 GiB", &holding(3072, here_2, go_2));
    lab.submit(&format!("{one}{two}{}", stage("three", "3 GiB", "true")));
    arrived(here_1);
    arrived(here_2);
    lab.explains("three", &["It needs 3.0 GiB of memory (as the plan says); GPU 0 of ", " has 2.0 GiB free"]);
    go(go_1);
    lab.until_job("three", "succeeded");
    assert_eq!(lab.job("two")["state"], "running");
    go(go_2);
    lab.all_is_done();
}

#[test]
fn a_runner_that_still_loads_counts_by_its_promise() {
    let lab = Lab::open(&[SMALL], "", 2);
    let pipes = ["loading", "load", "here", "go"].map(|name| lab.pipe(name));
    let [loading, load, here, leave] = &pipes;
    let slow =
        format!("echo here > {}; read go < {}; {}", loading.display(), load.display(), holding(1024, here, leave));
    lab.submit(&format!("{}{}", stage("slow", "6 GiB", &slow), stage("next", "4 GiB", "true")));
    arrived(loading);
    let said = lab.explains("next", &["has 2.0 GiB free; 6.0 GiB are promised to jobs that are still loading."]);
    assert!(said.starts_with("It needs 4.0 GiB"), "{said}");
    go(load);
    arrived(here);
    lab.explains("next", &["has 2.0 GiB free; 5.0 GiB are promised to jobs that are still loading."]);
    go(leave);
    lab.all_is_done();
}

#[test]
fn what_a_jobs_helpers_hold_is_the_jobs_own() {
    let lab = Lab::open(&[SMALL], "", 2);
    let pipes = ["here", "go"].map(|name| lab.pipe(name));
    let [here, leave] = &pipes;
    // The helper has a session of its own, and nothing but the mark in its environment to tell whose it is.
    let helper = lab.home.file("helper");
    fs::write(&helper, format!("cd \"$SWEEP_ATTEMPT_DIR\"; {}", holding(4096, here, leave))).unwrap();
    let script = format!("setsid /bin/sh {} & wait", helper.display());
    lab.submit(&format!("{}{}", stage("parent", "4 GiB", &script), stage("beside", "4 GiB", "true")));
    arrived(here);
    // Were the helper somebody else's, the parent's promise would still be open, and nothing be left for the other.
    lab.until_job("beside", "succeeded");
    let gpu = &lab.gpus()[0]["status"];
    assert_eq!(gpu["others"], serde_json::json!([]), "{gpu:#}");
    go(leave);
    lab.all_is_done();
}

#[test]
fn cards_that_are_hidden_from_the_agent_are_not_used() {
    let story = [SMALL, "gpu GPU-bbbb other 16384"];
    let lab = Lab::open_with(&story, "", 1, &[("CUDA_VISIBLE_DEVICES", "GPU-aaaa")]);
    assert_eq!(lab.gpus().len(), 1);
    lab.submit(&stage("large", "12 GiB", "true"));
    let said = lab.explains("large", &["the largest device for it, GPU 0 of "]);
    assert!(said.ends_with("has 8.0 GiB in all."), "{said}");
    assert_eq!(lab.home.run(&["cancel"]).status.code(), Some(0));
}
