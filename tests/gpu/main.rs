//! Whole studies on a real GPU. Where there is none, each test says `skipped: why`. On machines with a GPU and no compiler this program
//! comes in the bundle of `make gpu-bundle`, beside `sweep` and `sweep-runner`.
//!
//! The engine's own parts (CUDA graphs, bf16, the allocator) are tested in `engine/tests/cuda.rs`.

mod card;

use std::path::Path;

use serde_json::Value;
use sweep_tests::{Home, Talking, epoch, text};

use card::Study;

#[test]
fn a_network_is_trained_compressed_and_measured() {
    if !card::is_here("a_network_is_trained_compressed_and_measured") {
        return;
    }
    let study = Study::run(
        "  base: { train: { model: small-cnn, epochs: 6 }, matrix: { precision: [fp32, bf16] } }
  student: { distill: { teacher: 'base[precision=bf16]', model: kd-conv4, epochs: 6 } }
  pruned: { prune: { input: 'base[precision=fp32]', method: structured, per_cycle: 0.3, keep: [0.3], retrain: { epochs: 2 } } }
  int8: { quantize: { input: student, mode: qat, epochs: 2 } }
",
        &["--slots", "1"],
    );
    for stage in ["base", "student", "pruned", "int8"] {
        for point in study.points(stage) {
            let accuracy = point["accuracy"].as_f64().unwrap();
            assert!(accuracy > 0.6, "{stage} learnt too little: {point:#}");
            assert!(point["parity_top1"].as_f64().is_none_or(|share| share > 0.98), "{point:#}");
        }
    }
    let [exact, half] = [0, 1].map(|at| study.points("base")[at]["accuracy"].as_f64().unwrap());
    assert!((exact - half).abs() < 0.1, "fp32 {exact}, bf16 {half}");
    eprintln!("accuracies: {:?}", study.accuracies());
}

#[test]
fn several_jobs_share_the_card() {
    if !card::is_here("several_jobs_share_the_card") {
        return;
    }
    let plan = "  base: { train: { model: small-cnn, epochs: 4 }, matrix: { batch: [32, 64, 128] } }\n";
    let study = Study::run(plan, &["--slots", "3"]);
    let spans: Vec<(i64, i64)> = study.spans("base");
    assert_eq!(spans.len(), 3);
    let last_start = spans.iter().map(|(start, _)| *start).max().unwrap();
    let first_end = spans.iter().map(|(_, end)| *end).min().unwrap();
    assert!(last_start < first_end, "they ran one after the other: {spans:?}");
}

#[test]
fn an_interrupted_job_goes_on_from_its_checkpoint() {
    if !card::is_here("an_interrupted_job_goes_on_from_its_checkpoint") {
        return;
    }
    let home = Home::new();
    let plan = home.plan(&card::plan("  base: { train: { model: small-cnn, epochs: 12 } }\n"));
    let mut first = Talking::start(home.sweep().args(["local", plan.to_str().unwrap()]));
    first.wait_for(|line| epoch(line) >= Some(3));
    first.signal("-INT");
    assert_eq!(first.finish().0.code(), Some(130));
    let again = home.sweep().args(["local", plan.to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    let points = home.json(&["results"]);
    let resumed = points[0]["resumed_from"].as_u64().unwrap();
    assert!(resumed >= 3, "it began anew: {points:#}");
}

#[test]
fn the_agent_reports_the_card() {
    if !card::is_here("the_agent_reports_the_card") {
        return;
    }
    let study = Study::run("  hello: { command: { run: [/bin/sh, -c, 'test -n \"$CUDA_VISIBLE_DEVICES\"'] } }\n", &[]);
    let agents = study.home.json(&["agents"]);
    let devices = agents[0]["devices"].as_array().unwrap();
    let gpu = devices.iter().find(|device| device["class"] == "cuda").unwrap_or_else(|| panic!("no GPU in {agents:#}"));
    let total = gpu["memory_total_bytes"].as_u64().unwrap();
    let free = gpu["memory_free_bytes"].as_u64().unwrap();
    assert!(total > 1 << 30 && free <= total, "{gpu:#}");
    assert!(gpu["name"].as_str().is_some_and(|name| !name.is_empty()), "{gpu:#}");
    eprintln!("{}: {} of {} MiB free", gpu["name"], free >> 20, total >> 20);
}

/// A value of a point that must be there.
fn number(point: &Value, name: &str) -> f64 {
    point[name].as_f64().unwrap_or_else(|| panic!("no {name} in {point:#}"))
}

/// The plan claims less than the job needs, and `agent.toml` bounds what it may have: libtorch's allocator really runs out.
#[test]
fn a_job_that_runs_out_of_memory_splits_its_batches_and_ends_right() {
    if !card::is_here("a_job_that_runs_out_of_memory_splits_its_batches_and_ends_right") {
        return;
    }
    let home = Home::new();
    std::fs::create_dir_all(home.file("home")).unwrap();
    std::fs::write(home.file("home/agent.toml"), "[devices.0]\nmemory = \"3 GiB\"\n").unwrap();
    let plan = "  base: { train: { model: resnet18-cifar, epochs: 1, batch: 2000, precision: fp32 }, memory: 1 GiB }\n";
    let study = Study::run_on(home, plan, &[]);
    let point = study.points("base")[0];
    assert!(number(point, "micro_batches") >= 2.0, "{point:#}");
    let job = study.home.json(&["status", point["job"].as_str().unwrap()]);
    assert_eq!(job["jobs"][0]["attempts"][0]["failure_class"], "out_of_memory", "{job:#}");
}

#[test]
fn energy_is_measured_where_a_job_has_the_card_to_itself() {
    if !card::is_here("energy_is_measured_where_a_job_has_the_card_to_itself") {
        return;
    }
    let study = Study::run("  base: { train: { model: small-cnn, epochs: 4 } }\n", &["--slots", "1"]);
    let point = &study.points("base")[0];
    let energy = number(point, "training_energy_j");
    assert!(energy > 1.0, "{energy} J");
    eprintln!("{energy:.0} J");
}

#[test]
fn the_images_of_a_bundle_are_whole() {
    let Some(images) = card::images() else {
        eprintln!("the_images_of_a_bundle_are_whole: skipped: SWEEP_GPU_IMAGES names no folder");
        return;
    };
    for split in ["train", "test"] {
        let classes = std::fs::read_dir(Path::new(&images).join(split)).unwrap().count();
        assert!(classes >= 2, "{split} of {images} has {classes} classes");
    }
    eprintln!("the_images_of_a_bundle_are_whole: ran");
}
