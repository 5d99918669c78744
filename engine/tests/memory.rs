//! Memory in the real runner: what is predicted, what is taken, and what becomes of a job that there is not enough for.
//!
//! `bench/memory.sh` prints the whole table of [`TABLE`]; a part of it that takes half a minute is a test like others.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use sweep_engine::job::{Events, Job, Stop, memory};
use sweep_model::zoo::{self, ZooOptions};
use sweep_shared::event::RunnerEvent;
use sweep_shared::states::FailureClass;
use tch::Device;

use support::{Attempt, fit, job};

const MIB: u64 = 1 << 20;

/// 256 images at once leave 300 MiB to the backward pass, and the weights fill 3.
fn large_batches() -> Value {
    let mut fit = fit(1);
    fit["batch"] = json!(256);
    let mut job = job("train", json!({ "model": { "name": "resnet18-cifar", "width": 0.25 }, "fit": fit }), &[]);
    job["spec"]["data"]["source"]["synthetic"]["train"] = json!(512);
    job
}

fn in_parts(mut job: Value) -> Value {
    job["micro_batches"] = json!(16);
    job
}

/// The class and message of an attempt that fails.
fn failure(attempt: Attempt) -> (FailureClass, String) {
    let (events, status) = attempt.finish();
    match events.last() {
        Some(RunnerEvent::Failed { class, message }) => (*class, message.clone()),
        other => panic!("{other:?}, {status}"),
    }
}

/// What libtorch cannot get is told as what it is, and the same work in parts does under the same limit.
#[test]
fn what_does_not_fit_runs_out_of_memory_and_fits_in_parts() {
    const LIMIT_KIB: u64 = 300 << 10;
    let folder = tempfile::tempdir().unwrap();
    let (class, message) = failure(Attempt::limited(&folder.path().join("whole"), &large_batches(), LIMIT_KIB));
    assert_eq!(class, FailureClass::OutOfMemory, "{message}");
    assert!(message.contains("can't allocate memory") && !message.contains("frame #"), "{message}");

    let parts = folder.path().join("parts");
    let (events, status) = Attempt::limited(&parts, &in_parts(large_batches()), LIMIT_KIB).finish();
    let log = std::fs::read_to_string(parts.join("log")).unwrap();
    assert!(status.success(), "{status}: {events:?}\n{log}");
    assert_eq!(events.last(), Some(&RunnerEvent::Done));
}

/// The limit of job.json is a real one, and the class is the same wherever memory runs out: while libraries load, while images are
/// made, in a step.
#[test]
fn a_limit_in_the_job_ends_in_the_same_class_wherever_it_strikes() {
    for mib in [20, 90, 140, 200] {
        let folder = tempfile::tempdir().unwrap();
        let mut job = large_batches();
        job["memory_limit_bytes"] = json!(mib * MIB);
        let (class, message) = failure(Attempt::start(folder.path(), &job));
        assert_eq!(class, FailureClass::OutOfMemory, "{mib} MiB: {message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut job = in_parts(large_batches());
    job["memory_limit_bytes"] = json!(400 * MIB);
    support::run(folder.path(), &job);
}

/// Training on square images.
#[derive(Debug, Clone, Copy)]
struct Case {
    network: &'static str,
    side: u32,
    batch: u32,
    micro_batches: u32,
}

const fn case(network: &'static str, side: u32, batch: u32, micro_batches: u32) -> Case {
    Case { network, side, batch, micro_batches }
}

const TABLE: [Case; 12] = [
    case("resnet18-cifar", 32, 32, 1),
    case("resnet18-cifar", 32, 128, 1),
    case("resnet18-cifar", 32, 128, 4),
    case("resnet18", 96, 32, 1),
    case("resnet18", 96, 96, 1),
    case("vgg16_bn-cifar", 32, 32, 1),
    case("vgg16_bn-cifar", 32, 128, 1),
    case("vgg16_bn-cifar", 32, 128, 4),
    case("mobilenet_v2", 32, 64, 1),
    case("mobilenet_v2", 96, 32, 1),
    case("mobilenet_v2", 96, 96, 1),
    case("mobilenet_v2", 96, 96, 4),
];

impl Case {
    /// Two steps before there is a best epoch and two after, and enough other images for one batch of each evaluation.
    fn job(&self, folder: &Path) -> Value {
        let mut fit = fit(2);
        fit["batch"] = json!(self.batch);
        let mut job = job("train", json!({ "model": self.network, "fit": fit }), &[]);
        job["micro_batches"] = json!(self.micro_batches);
        let (train, validation, test) = (2 * self.batch, 256, 512 * 32 * 32 / (self.side * self.side));
        let source = &mut job["spec"]["data"]["source"];
        if self.side == 32 {
            *source = json!({ "synthetic": { "train": train, "validation": validation, "test": test } });
        } else {
            for (split, images) in [("train", train), ("val", validation), ("test", test)] {
                write_images(&folder.join("images").join(split), self.side, images);
            }
            *source = json!({ "folder": { "path": folder.join("images"), "size": self.side } });
            job["datasets"] = json!(folder);
        }
        job
    }

    /// Predicted and measured bytes.
    fn run(&self) -> (u64, u64) {
        let folder = tempfile::tempdir().unwrap();
        let job = self.job(folder.path());
        let (succeeded, measured) = Attempt::start(&folder.path().join("attempt"), &job).finish_measured();
        let log = std::fs::read_to_string(folder.path().join("attempt/log")).unwrap();
        assert!(succeeded, "{self:?}\n{log}");

        let (stop, sink) = (Stop::new(), Box::new(std::io::sink()));
        let (events, job) = (Events::new(sink, stop.clone()), serde_json::from_value(job).unwrap());
        let job = Job::open(&folder.path().join("predicted"), job, Device::Cpu, events, stop).unwrap();
        let data = job.data().unwrap();
        let options = ZooOptions::new(data.dataset.input(), data.dataset.classes.len());
        let graph = zoo::build(self.network, &options).unwrap();
        (memory::predicted(&job, &graph, None).unwrap(), measured)
    }
}

/// A folder with a class of noise for each of two names.
fn write_images(folder: &Path, side: u32, count: u32) {
    for index in 0..count {
        let class = folder.join(["a", "b"][index as usize % 2]);
        std::fs::create_dir_all(&class).unwrap();
        let pixel = |x: u32, y: u32| image::Rgb([x * 7 + index, y * 5, x * y + index].map(|value| value as u8));
        image::RgbImage::from_fn(side, side, pixel).save(class.join(format!("{index}.png"))).unwrap();
    }
}

/// Predicts and measures; prints a table row each; returns the cases that are more than a fifth off.
fn compare(cases: &[Case]) -> Vec<(Case, f64)> {
    let mut off = Vec::new();
    eprintln!(
        "| network | images | batch | parts | predicted MiB | measured MiB | ratio |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for case in cases {
        let (predicted, measured) = case.run();
        let ratio = predicted as f64 / measured as f64;
        let Case { network, side, batch, micro_batches } = case;
        let (predicted, measured) = (predicted / MIB, measured / MIB);
        eprintln!("| {network} | {side}×{side} | {batch} | {micro_batches} | {predicted} | {measured} | {ratio:.2} |");
        if (ratio - 1.0).abs() > 0.2 {
            off.push((*case, ratio));
        }
    }
    off
}

/// One of each network, and one in parts.
#[test]
fn what_is_predicted_is_within_a_fifth_of_what_is_taken() {
    let off = compare(&[
        case("resnet18-cifar", 32, 128, 4),
        case("resnet18", 96, 32, 1),
        case("vgg16_bn-cifar", 32, 32, 1),
        case("mobilenet_v2", 32, 64, 1),
    ]);
    assert!(off.is_empty(), "{off:?}");
}

#[test]
#[ignore = "minutes: bench/memory.sh"]
fn the_whole_table() {
    let off = compare(&TABLE);
    assert!(off.is_empty(), "{off:?}");
}
