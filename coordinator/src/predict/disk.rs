//! What a job writes on its agent's disk, and leaves on the coordinator's, from the size of its network.
//!
//! An attempt's folder holds two whole checkpoints and a third while that is written, and the agent copies one more while it uploads
//! it. A checkpoint holds the weights, the optimizer's state and the best epoch's weights. Each point holds its weights, and the
//! deployed network beside the same in 32 bits.

use sweep_shared::spec::{FitSpec, OptimizerSpec, StageKind};

/// Checkpoints that lie on the disk at once.
const CHECKPOINTS: u64 = 4;
/// Weights, `model.onnx` and `fp32.onnx`.
const FILES_OF_A_POINT: u64 = 3;
/// Logs, graphs, events, and what file systems round up.
const BESIDE: u64 = 1 << 20;

/// The bytes of a job's points, which stay at the coordinator.
pub fn kept(kind: &StageKind, weights_bytes: u64) -> u64 {
    points(kind) * FILES_OF_A_POINT * weights_bytes
}

fn points(kind: &StageKind) -> u64 {
    match kind {
        StageKind::Prune(prune) => prune.keep.len().max(1) as u64,
        StageKind::Train(_) | StageKind::Distill(_) | StageKind::Quantize(_) => 1,
        StageKind::Evaluate(_) | StageKind::Measure(_) | StageKind::Command(_) => 0,
    }
}

/// The bytes that an attempt writes, for a network whose weights take so many; 0 where nothing is known.
pub fn written(kind: &StageKind, weights_bytes: u64) -> u64 {
    if let StageKind::Command(_) = kind {
        return 0;
    }
    let slots = match kind {
        StageKind::Train(train) => Some(slots(&train.fit)),
        StageKind::Distill(distill) => Some(slots(&distill.fit)),
        // A mask is as large as what it masks.
        StageKind::Prune(prune) => Some(slots(&prune.retrain) + 1),
        StageKind::Quantize(quantize) => quantize.fit.as_ref().map(slots),
        StageKind::Evaluate(_) | StageKind::Measure(_) | StageKind::Command(_) => None,
    };
    let checkpoint = slots.map_or(0, |slots| (2 + slots) * weights_bytes);
    CHECKPOINTS * checkpoint + kept(kind, weights_bytes) + BESIDE
}

/// The optimizer's numbers for each weight.
fn slots(fit: &FitSpec) -> u64 {
    match fit.optimizer {
        OptimizerSpec::Sgd { momentum, .. } => u64::from(momentum > 0.0),
        OptimizerSpec::Adamw { .. } => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::Networks;
    use sweep_shared::plan;

    const MB: u64 = 1_000_000;

    fn kind(stage: &str) -> StageKind {
        let text = format!("data: synthetic\nstages:\n  base: {{ train: {{ model: tiny-cnn }} }}\n  it: {stage}\n");
        let plan =
            plan::read(&text, "plan.yaml", &Networks::new(Vec::new()).catalogue()).unwrap_or_else(|e| panic!("{e}"));
        plan.jobs.into_iter().find(|job| job.spec.stage == "it").unwrap().spec.kind
    }

    #[test]
    fn it_is_weights_times_what_is_kept_of_them() {
        let sgd = kind("{ train: { model: small-cnn, optimizer: { sgd: { momentum: 0.9 } } } }");
        assert_eq!(written(&sgd, 100 * MB), 4 * 300 * MB + 300 * MB + BESIDE);
        let adamw = kind("{ train: { model: small-cnn, optimizer: adamw } }");
        assert_eq!(written(&adamw, 100 * MB), 4 * 400 * MB + 300 * MB + BESIDE);
        let pruned = kind(
            "{ prune: { input: base, keep: [0.5, 0.75, 0.9], retrain: { optimizer: { sgd: { momentum: 0 } } } } }",
        );
        assert_eq!(written(&pruned, 100 * MB), 4 * 300 * MB + 900 * MB + BESIDE);
        let calibrated = kind("{ quantize: { input: base, mode: static } }");
        assert_eq!(written(&calibrated, 100 * MB), 300 * MB + BESIDE);
        assert_eq!(written(&kind("{ command: { run: [x] } }"), 100 * MB), 0, "nobody knows");
    }
}
