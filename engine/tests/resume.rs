//! Runners are killed and asked to stop at all sorts of moments; what they resume to must be bitwise what an uninterrupted
//! run gives, with fewer epochs run.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sweep_shared::event::{RunnerEvent, exit};
use sweep_shared::metrics::Metrics;
use tempfile::TempDir;

use support::{Attempt, checkpoints, epochs, fit, job, run, weights};

/// A job and what it gives when nothing disturbs it.
struct Reference {
    folder: TempDir,
    job: Value,
    events: Vec<RunnerEvent>,
}

impl Reference {
    fn new(job: Value) -> Self {
        // Not in /tmp: what a `static` holds is never dropped, and so never removed.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let events = run(folder.path(), &job);
        Self { folder, job, events }
    }

    fn point(&self, name: &str) -> PathBuf {
        self.folder.path().join("points").join(name)
    }

    /// The resumed attempt's end is the undisturbed one's, and it did only a part of the work.
    fn check(&self, folder: &Path, events: &[RunnerEvent]) {
        let resumed_at = events.iter().find_map(|event| match event {
            RunnerEvent::Resumed { epoch, .. } => Some(*epoch as usize),
            _ => None,
        });
        let all = epochs(&self.events);
        assert_eq!(epochs(events), all - resumed_at.expect("a resumed event"), "epochs run after resuming");
        let (expected, found) = (weights(self.folder.path(), &self.events), weights(folder, events));
        let names = |all: &[(String, Vec<u8>)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected));
        for ((name, expected), (_, found)) in expected.iter().zip(&found) {
            assert!(expected == found, "the weights of {name} differ");
        }
    }
}

/// Reads events until `count` checkpoints lie on disk.
fn wait_for_checkpoints(attempt: &mut Attempt, count: usize) {
    let is_checkpoint = |event: &RunnerEvent| matches!(event, RunnerEvent::Checkpoint { .. });
    let seen = std::iter::from_fn(|| attempt.next()).filter(is_checkpoint).take(count).count();
    assert_eq!(seen, count, "the runner ended early");
}

/// kill -9 right after the checkpoint number `after`, and again at the moment `spins` later in the second attempt, each
/// continued in the same folder.
fn survives_kills(reference: &Reference, after: usize, spins: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut attempt = Attempt::start(folder.path(), &reference.job);
    wait_for_checkpoints(&mut attempt, after);
    attempt.signal(Signal::SIGKILL);
    assert!(!attempt.finish().1.success());

    let mut attempt = Attempt::start(folder.path(), &reference.job);
    assert!(matches!(attempt.next(), Some(RunnerEvent::Resumed { .. })));
    // Any moment is a good one to die.
    (0..spins).for_each(|_| std::hint::spin_loop());
    attempt.signal(Signal::SIGKILL);
    let _ = attempt.finish();

    let events = run(folder.path(), &reference.job);
    reference.check(folder.path(), &events);
}

/// SIGTERM once `moment` holds of an event: leaves a checkpoint at the next step, from which another folder continues.
/// Tried again while the runner outran the signal: `hit` says whether the stop's step is one that the test is about.
fn survives_a_stop(reference: &Reference, moment: impl Fn(&RunnerEvent) -> bool, hit: impl Fn(u64) -> bool) {
    let first = (0..20).find_map(|_| stopped(reference, &moment, &hit)).expect("the signal came in time once");
    let second = tempfile::tempdir().unwrap();
    let mut job = reference.job.clone();
    job["resume"] = json!(checkpoints(first.path()));
    let events = run(second.path(), &job);
    reference.check(second.path(), &events);
}

/// A folder whose runner was stopped at a step that `hit` wants; `None` if it ran on too far before it saw the signal.
fn stopped(
    reference: &Reference,
    moment: impl Fn(&RunnerEvent) -> bool,
    hit: impl Fn(u64) -> bool,
) -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let mut attempt = Attempt::start(folder.path(), &reference.job);
    std::iter::from_fn(|| attempt.next()).find(moment).expect("the moment came");
    attempt.signal(Signal::SIGTERM);
    let (events, status) = attempt.finish();
    if status.success() {
        return None;
    }
    assert_eq!(status.code(), Some(exit::INTERRUPTED), "{events:?}");
    let Some(RunnerEvent::Checkpoint { step, .. }) = events.last() else { panic!("no checkpoint: {events:?}") };
    hit(*step).then_some(folder)
}

/// The first progress is told at the first look at the loss, after 25 of the 40 steps of an epoch.
fn within_the_first_epoch(event: &RunnerEvent) -> bool {
    matches!(event, RunnerEvent::Progress { .. })
}

fn after_epoch(wanted: u32) -> impl Fn(&RunnerEvent) -> bool {
    move |event| matches!(event, RunnerEvent::Checkpoint { epoch, .. } if *epoch == wanted)
}

/// The newest checkpoint is damaged: the one before is used, one epoch is done again, and the result is the same.
fn survives_damage(reference: &Reference) {
    let folder = tempfile::tempdir().unwrap();
    let mut attempt = Attempt::start(folder.path(), &reference.job);
    wait_for_checkpoints(&mut attempt, 2);
    attempt.signal(Signal::SIGKILL);
    let _ = attempt.finish();
    let newest = checkpoints(folder.path())[0].join("state.safetensors");
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let events = run(folder.path(), &reference.job);
    reference.check(folder.path(), &events);
}

/// Shared by the tests.
fn train() -> &'static Reference {
    static TRAIN: OnceLock<Reference> = OnceLock::new();
    TRAIN.get_or_init(|| Reference::new(job("train", json!({ "model": "tiny-cnn", "fit": fit(4) }), &[])))
}

#[test]
fn train_ends_with_the_same_bits() {
    let reference = train();
    assert_eq!(epochs(&reference.events), 4);
    survives_kills(reference, 1, 3_000_000);
    survives_a_stop(reference, within_the_first_epoch, |step| (25..40).contains(&step));
    survives_a_stop(reference, after_epoch(3), |_| true);
    survives_damage(reference);
}

#[test]
fn distillation_ends_with_the_same_bits() {
    let teacher = train();
    let params = json!({ "model": "tiny-cnn", "alpha": 0.7, "temperature": 4.0, "fit": fit(3) });
    let reference = Reference::new(job("distill", params, &[("teacher", &teacher.point("main"))]));
    survives_kills(&reference, 1, 10_000_000);
    survives_a_stop(&reference, within_the_first_epoch, |_| true);
}

#[test]
fn training_on_with_frozen_parts_ends_with_the_same_bits() {
    let input = train().point("main");
    let params = json!({ "freeze": ["*"], "unfreeze": ["fc.*", "conv3.*"], "fit": fit(3) });
    let reference = Reference::new(job("train", params, &[("input", &input)]));
    survives_kills(&reference, 1, 1_000_000);
    survives_a_stop(&reference, within_the_first_epoch, |_| true);
}

#[test]
fn pruning_ends_with_the_same_bits_and_all_its_points() {
    let input = train().point("main");
    for method in ["structured", "unstructured"] {
        let params = json!({
            "method": method, "criterion": "l1", "scope": "global", "per_cycle": 0.2, "keep": [0.2, 0.35],
            "round_to": 1, "retrain": fit(2)
        });
        let reference = Reference::new(job("prune", params, &[("input", &input)]));
        assert_eq!(weights(reference.folder.path(), &reference.events).len(), 2);
        survives_kills(&reference, 1, 1_000_000);
        // The second cycle's epochs: the first point is already published, and must come along.
        survives_a_stop(&reference, after_epoch(3), |_| true);
    }
}

#[test]
fn quantization_aware_training_ends_with_the_same_bits() {
    let input = train().point("main");
    let params = json!({
        "target": "ort-vnni", "mode": "qat", "observer": "moving_average", "calibration_images": 64, "fit": fit(4)
    });
    let reference = Reference::new(job("quantize", params, &[("input", &input)]));
    survives_kills(&reference, 1, 1_000_000);
    survives_a_stop(&reference, within_the_first_epoch, |_| true);
    survives_a_stop(&reference, after_epoch(3), |_| true);
}

fn in_parts(mut job: Value, micro_batches: u32) -> Value {
    job["micro_batches"] = json!(micro_batches);
    job
}

/// What the last published point says of itself.
fn last_metrics(events: &[RunnerEvent]) -> Metrics {
    let point = events.iter().rev().find_map(|event| match event {
        RunnerEvent::Point { metrics, .. } => Some(metrics.clone()),
        _ => None,
    });
    point.expect("a point")
}

/// Sixteen images in three parts that cannot be equal, with observers and batch norm that average over them.
#[test]
fn batches_in_parts_end_with_the_same_bits() {
    let input = train().point("main");
    let params = json!({
        "target": "ort-vnni", "mode": "qat", "observer": "moving_average", "calibration_images": 64, "fit": fit(3)
    });
    let reference = Reference::new(in_parts(job("quantize", params, &[("input", &input)]), 3));
    assert_eq!(last_metrics(&reference.events)["micro_batches"], 3.0);
    survives_kills(&reference, 1, 1_000_000);
    survives_a_stop(&reference, within_the_first_epoch, |_| true);
}

/// As when memory ran out half-way: the row tells of it.
#[test]
fn a_checkpoint_is_continued_in_more_parts_and_the_row_says_so() {
    let whole = train();
    assert!(!last_metrics(&whole.events).contains_key("micro_batches"));
    let folder = tempfile::tempdir().unwrap();
    let mut attempt = Attempt::start(folder.path(), &whole.job);
    wait_for_checkpoints(&mut attempt, 1);
    attempt.signal(Signal::SIGKILL);
    let _ = attempt.finish();
    let events = run(folder.path(), &in_parts(whole.job.clone(), 4));
    assert!(matches!(events[0], RunnerEvent::Resumed { .. }), "{:?}", events[0]);
    let metrics = last_metrics(&events);
    assert_eq!((metrics["micro_batches"], metrics["host_changed"]), (4.0, 1.0));
}

#[test]
fn another_jobs_checkpoint_is_not_continued() {
    let reference = train();
    let folder = tempfile::tempdir().unwrap();
    let mut other = reference.job.clone();
    other["spec"]["seed"] = json!(8);
    other["resume"] = json!(checkpoints(reference.folder.path()));
    let events = run(folder.path(), &other);
    assert_eq!(epochs(&events), 4);
    assert_ne!(weights(folder.path(), &events), weights(reference.folder.path(), &reference.events));
}
