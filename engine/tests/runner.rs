//! The runner's edges as its caller sees them: exit statuses, the last event, where events go.

mod support;

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sweep_shared::event::{RunnerEvent, exit};
use sweep_shared::metrics::Metrics;
use sweep_shared::states::FailureClass;

use support::{Attempt, fit, job};

fn train(epochs: u32) -> Value {
    job("train", json!({ "model": "tiny-cnn", "fit": fit(epochs) }), &[])
}

/// Runs to its end; the metrics of its points, in order.
fn rows(mut job: Value, micro_batches: u32) -> (tempfile::TempDir, Vec<Metrics>) {
    let folder = tempfile::tempdir().unwrap();
    job["micro_batches"] = json!(micro_batches);
    let metrics = support::run(folder.path(), &job).into_iter().filter_map(|event| match event {
        RunnerEvent::Point { metrics, .. } => Some(metrics),
        _ => None,
    });
    let metrics = metrics.collect();
    (folder, metrics)
}

/// In seven parts the evaluated batches become odd numbers, too.
#[test]
fn every_kind_of_stage_runs_in_parts_and_tells_so() {
    let (whole, first) = rows(train(2), 1);
    let (parts, second) = rows(train(2), 7);
    assert!(!first[0].contains_key("micro_batches"));
    assert_eq!(second[0]["micro_batches"], 7.0);
    // The same recipe but for batch norm's statistics, so about as good.
    assert!((first[0]["val_accuracy"] - second[0]["val_accuracy"]).abs() < 0.25, "{first:?} {second:?}");
    let (whole, input) = (whole.path().join("points/main"), parts.path().join("points/main"));
    let prune = json!({
        "method": "structured", "criterion": "l1", "scope": "global", "per_cycle": 0.3, "keep": [0.3], "round_to": 1,
        "retrain": fit(1)
    });
    let distill = json!({ "model": "tiny-cnn", "alpha": 0.5, "temperature": 2.0, "fit": fit(1) });
    let quantize =
        json!({ "target": "ort-vnni", "mode": "static", "observer": "moving_average", "calibration_images": 64 });
    let jobs = [
        job("distill", distill, &[("teacher", &whole)]),
        job("prune", prune, &[("input", &input)]),
        job("quantize", quantize, &[("input", &input)]),
        job("evaluate", json!({}), &[("input", &input)]),
    ];
    for job in jobs {
        let kind = job["spec"]["kind"].clone();
        let (_folder, rows) = rows(job, 7);
        assert!(rows.iter().all(|row| row["micro_batches"] == 7.0) && !rows.is_empty(), "{kind}: {rows:?}");
    }
}

/// Runs to a failure; its class, message and exit status.
fn failure(job: &Value) -> (FailureClass, String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let (events, status) = Attempt::start(folder.path(), job).finish();
    match events.last() {
        Some(RunnerEvent::Failed { class, message }) => (*class, message.clone(), status.code()),
        other => panic!("{other:?}, {status}"),
    }
}

#[test]
fn an_unusable_job_file_is_a_usage_error() {
    let (class, message, status) = failure(&json!({ "spec": 1 }));
    assert_eq!((class, status), (FailureClass::BadInput, Some(exit::USAGE)));
    assert!(message.contains("job.json"), "{message}");
}

#[test]
fn what_the_plan_got_wrong_is_bad_input_that_names_it() {
    let mut unknown = train(1);
    unknown["spec"]["params"]["model"] = json!("resnet19");
    let mut no_data = train(1);
    no_data["spec"]["data"] = json!(null);
    let teacherless =
        job("distill", json!({ "model": "tiny-cnn", "alpha": 0.5, "temperature": 2.0, "fit": fit(1) }), &[]);
    for (job, word) in [(unknown, "resnet19"), (no_data, "data"), (teacherless, "Teacher")] {
        let (class, message, status) = failure(&job);
        assert_eq!((class, status), (FailureClass::BadInput, Some(exit::FAILED)), "{message}");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_divergent_learning_rate_is_told_as_such() {
    let mut job = train(2);
    job["spec"]["params"]["fit"]["optimizer"]["sgd"]["lr"] = json!(1e30);
    let (class, message, _) = failure(&job);
    assert_eq!(class, FailureClass::Diverged, "{message}");
}

#[test]
fn a_missing_gpu_is_a_device_error() {
    let mut job = train(1);
    job["device"] = json!("cuda");
    job["device_index"] = json!(99);
    let (class, message, _) = failure(&job);
    assert_eq!(class, FailureClass::DeviceError, "{message}");
}

#[test]
fn when_nobody_reads_the_events_any_more_it_stops_with_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut attempt = Attempt::start(folder.path(), &train(1000));
    assert!(attempt.next().is_some());
    let status = attempt.stop_reading();
    assert_eq!(status.code(), Some(exit::INTERRUPTED));
    assert!(!support::checkpoints(folder.path()).is_empty());
}

#[test]
fn ctrl_c_is_a_request_to_stop_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut attempt = Attempt::start(folder.path(), &train(1000));
    assert!(attempt.next().is_some());
    attempt.signal(Signal::SIGINT);
    let (events, status) = attempt.finish();
    assert_eq!(status.code(), Some(exit::INTERRUPTED));
    assert!(matches!(events.last(), Some(RunnerEvent::Checkpoint { .. })));
}

/// Everything from descriptor 3 up is closed first, whatever the test's own parents left open.
fn by_hand(folder: &std::path::Path, arguments: &[&str]) -> std::process::Output {
    let script = "exec 3>&- && exec \"$0\" \"$@\"";
    let runner = env!("CARGO_BIN_EXE_sweep-runner");
    let mut command = Command::new("sh");
    command.args(["-c", script, runner]).args(arguments).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

#[test]
fn by_hand_events_go_to_standard_output_and_logs_to_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("job.json"), train(1).to_string()).unwrap();
    let output = by_hand(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(exit::DONE));
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<RunnerEvent> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last(), Some(&RunnerEvent::Done));
    assert!(String::from_utf8(output.stderr).unwrap().contains("starting"));
}

#[test]
fn the_version_names_libtorch_and_unknown_arguments_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = String::from_utf8(by_hand(folder.path(), &["--version"]).stdout).unwrap();
    assert!(text.starts_with("sweep-runner ") && text.contains("libtorch 2.11"), "{text}");
    assert_eq!(by_hand(folder.path(), &["--frobnicate"]).status.code(), Some(exit::USAGE));
}
