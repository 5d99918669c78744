//! What a job has to compute, counted from the plan.
//!
//! The unit is a multiply–accumulate of a forward pass. Training an image costs three: the backward pass takes two more, one for the
//! gradient of the weights and one for that of the values. Scoring and calibrating cost one; so does asking a teacher.

use sweep_coordinator::predict::Prediction;
use sweep_shared::plan::ExpandedPlan;
use sweep_shared::spec::{DataSource, DataSpec, FitSpec, MeasureSpec, QuantMode, StageKind, cycles};

const TRAINED: f64 = 3.0;
/// CIFAR-10's own splits.
const CIFAR10_TRAIN: f64 = 50_000.0;
const CIFAR10_TEST: f64 = 10_000.0;
/// A point is scored by the engine and, as the deployed file, by ONNX Runtime.
const SCORED: f64 = 2.0;
/// Runs of each network at each batch size before the timed ones.
const WARM_UP: f64 = 10.0;
/// Fake-quantization passes over every value of a forward pass and its gradient; on the quickstart's
/// networks an epoch took two to three times as long.
const QAT: f64 = 2.5;

/// In multiply–accumulates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// So many epochs, each with its validation; and what is beside them.
    Epochs { epochs: u32, each: f64, rest: f64 },
    /// All at once.
    Once(f64),
    /// Inference in ONNX Runtime, on so many threads.
    Timed { macs: f64, threads: u32 },
}

/// Images of the three splits.
#[derive(Debug, Clone, Copy)]
pub struct Images {
    train: f64,
    validation: f64,
    test: f64,
}

/// `None` for a folder: it is counted where it lies.
pub fn images(data: &DataSpec) -> Option<Images> {
    match &data.source {
        DataSource::Synthetic(counts) => {
            let [train, validation, test] = [counts.train, counts.validation, counts.test].map(f64::from);
            Some(Images { train, validation, test })
        }
        DataSource::Cifar10 { .. } => {
            let validation = CIFAR10_TRAIN * data.validation;
            Some(Images { train: CIFAR10_TRAIN - validation, validation, test: CIFAR10_TEST })
        }
        DataSource::Folder { .. } => None,
    }
}

/// Of every job of the plan, in its order; `None`: that cannot be counted.
pub fn work(plan: &ExpandedPlan, predictions: &[Prediction]) -> Vec<Option<Work>> {
    // A network that was made smaller is counted as it was: what is left is known once it has run.
    let mut macs: Vec<Option<f64>> = Vec::with_capacity(plan.jobs.len());
    let mut all = Vec::with_capacity(plan.jobs.len());
    for (job, prediction) in plan.jobs.iter().zip(predictions) {
        let input = job.inputs.first().and_then(|input| macs[*input]);
        let own = prediction.macs.map(|macs| macs as f64).or(input);
        let images = job.spec.data.as_ref().and_then(images);
        let points = job.points.len().max(1) as f64;
        all.push(own.and_then(|own| of_kind(&job.spec.kind, own, input.unwrap_or(0.0), images, points)));
        macs.push(own);
    }
    all
}

fn of_kind(kind: &StageKind, own: f64, input: f64, images: Option<Images>, points: f64) -> Option<Work> {
    if let StageKind::Measure(measure) = kind {
        return Some(timed(measure, own));
    }
    let images = images?;
    let scored = SCORED * images.test * own * points;
    let epochs = |epochs: u32, fit: &FitSpec, teacher: f64, factor: f64, rest: f64| {
        debug_assert!(fit.epochs <= epochs);
        Some(Work::Epochs { epochs, each: epoch(images, own, teacher) * factor, rest })
    };
    match kind {
        StageKind::Train(train) => epochs(train.fit.epochs, &train.fit, 0.0, 1.0, scored),
        StageKind::Distill(distill) => epochs(distill.fit.epochs, &distill.fit, input, 1.0, scored),
        StageKind::Prune(prune) => {
            let rounds = cycles::cycles(prune.per_cycle, &prune.keep).len() as u32;
            epochs(rounds * prune.retrain.epochs, &prune.retrain, 0.0, 1.0, scored)
        }
        StageKind::Quantize(quantize) => {
            let calibrated = f64::from(quantize.calibration_images) * own;
            match (quantize.mode, &quantize.fit) {
                (QuantMode::Qat, Some(fit)) => epochs(fit.epochs, fit, 0.0, QAT, scored + calibrated),
                _ => Some(Work::Once(scored + calibrated)),
            }
        }
        StageKind::Evaluate(_) => Some(Work::Once(scored)),
        StageKind::Measure(_) | StageKind::Command(_) => None,
    }
}

/// An epoch with its validation. The teacher only looks.
fn epoch(images: Images, own: f64, teacher: f64) -> f64 {
    images.train * (TRAINED * own + teacher) + images.validation * own
}

/// Of a training job without a teacher: an epoch of it, for reckoning how fast a device was.
pub fn trained_epoch(data: &DataSpec, macs: f64) -> Option<f64> {
    images(data).map(|images| epoch(images, macs, 0.0))
}

/// The candidate and the fp32 reference beside it.
fn timed(measure: &MeasureSpec, own: f64) -> Work {
    let images: f64 = measure.batches.iter().map(|batch| f64::from(*batch)).sum();
    Work::Timed { macs: 2.0 * (f64::from(measure.runs) + WARM_UP) * images * own, threads: measure.threads }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixtures;

    fn of(text: &str, stage: &str) -> (Work, f64) {
        let (plan, predictions) = fixtures::plan(text);
        let at = plan.jobs.iter().position(|job| job.spec.stage == stage).unwrap();
        (work(&plan, &predictions)[at].unwrap(), predictions[at].macs.map_or(0.0, |macs| macs as f64))
    }

    const DATA: &str = "data: { name: synthetic, train: 1000, validation: 100, test: 10 }\nstages:\n";

    #[test]
    fn training_counts_three_passes_an_image_and_scoring_one() {
        let (work, macs) = of(&format!("{DATA}  a: {{ train: {{ model: small-cnn, epochs: 7 }} }}\n"), "a");
        assert_eq!(work, Work::Epochs { epochs: 7, each: 3_100.0 * macs, rest: 20.0 * macs });
    }

    #[test]
    fn a_student_also_asks_its_teacher() {
        let text = format!(
            "{DATA}  a: {{ train: {{ model: small-cnn }} }}\n  b: {{ distill: {{ teacher: a, model: kd-conv4, epochs: 2 }} }}\n"
        );
        let (teacher, student) = (of(&text, "a").1, of(&text, "b"));
        let each = 1000.0 * (3.0 * student.1 + teacher) + 100.0 * student.1;
        assert_eq!(student.0, Work::Epochs { epochs: 2, each, rest: 20.0 * student.1 });
    }

    #[test]
    fn pruning_retrains_in_every_cycle_and_scores_every_point() {
        let text = format!(
            "{DATA}  a: {{ train: {{ model: small-cnn }} }}\n  b: {{ prune: {{ input: a, per_cycle: 0.5, keep: [0.5, 0.75], retrain: {{ epochs: 3 }} }} }}\n"
        );
        let (macs, (pruned, _)) = (of(&text, "a").1, of(&text, "b"));
        assert_eq!(pruned, Work::Epochs { epochs: 6, each: 3_100.0 * macs, rest: 40.0 * macs });
    }

    #[test]
    fn measuring_counts_both_networks() {
        let text = format!(
            "{DATA}  a: {{ train: {{ model: small-cnn }} }}\nmeasure: {{ latency: {{ batch: [1, 4], runs: 20, threads: 2 }} }}\n"
        );
        let macs = of(&text, "a").1;
        assert_eq!(of(&text, "measure").0, Work::Timed { macs: 2.0 * 30.0 * 5.0 * macs, threads: 2 });
    }
}
