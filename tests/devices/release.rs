//! Memory that stays away after a job.

use crate::lab::{Lab, SMALL, arrived, go, holding, stage};

/// A job that took what it was promised; when it ends, `hidden` MiB stay behind, as the story tells from now on.
fn leaks(lab: &Lab) {
    let pipes = ["here", "go"].map(|name| lab.pipe(name));
    let [here, leave] = &pipes;
    lab.submit(&format!(
        "{}{}",
        stage("leaky", "2 GiB", &holding(2048, here, leave)),
        stage("next", "8 GiB", "true").replace("    device", "    priority: -1\n    device")
    ));
    arrived(here);
    lab.tell(&[SMALL, "hidden GPU-aaaa 1536"]);
    go(leave);
    lab.until_job("leaky", "succeeded");
}

#[test]
fn memory_that_never_comes_back_makes_the_card_smaller_until_it_does() {
    let lab = Lab::open(&[SMALL], "[devices.0]\nrelease_within = \"1 s\"\n", 1);
    leaks(&lab);
    let id = lab.job("leaky")["id"].as_str().unwrap().to_owned();
    let missing = format!("has 6.5 GiB in all; 1.5 GiB did not come back after {id}.1 and is not counted.");
    lab.explains(
        "next",
        &["It needs 8.0 GiB of memory (as the plan says); the largest device for it, GPU 0 of ", &missing],
    );
    assert_eq!(lab.gpus()[0]["slots"], 1, "the slot itself is free");
    lab.tell(&[SMALL]);
    lab.all_is_done();
    lab.until("the card is whole again", || {
        lab.gpus()[0]["status"]["missing"].as_array().filter(|missing| missing.is_empty()).map(|_| ())
    });
}

#[test]
fn memory_that_comes_back_late_holds_the_slot_until_then() {
    let lab = Lab::open(&[SMALL], "[devices.0]\nrelease_within = \"10 min\"\n", 1);
    leaks(&lab);
    let id = lab.job("leaky")["id"].as_str().unwrap().to_owned();
    lab.explains("next", &["GPU 0 of ", &format!("waits for the memory of {id}.1 to come back.")]);
    assert_eq!(lab.gpus()[0]["slots"], 0);
    lab.tell(&[SMALL]);
    lab.all_is_done();
    assert_eq!(lab.gpus()[0]["status"]["missing"], serde_json::json!([]));
}
