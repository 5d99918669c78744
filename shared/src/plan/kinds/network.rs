//! `train`, `distill` and `evaluate`.

use crate::spec::{DistillSpec, EvaluateSpec, Role, StageKind, TrainSpec};

use super::super::fields::{Bounds, Fields};
use super::super::fit;
use super::{Context, Draft, model, selectors};

const MODEL_HELP: &str = "a network of the zoo: `model: small-cnn` (`sweep model list` prints them)";

pub(super) fn train(fields: &Fields<'_>, context: &Context<'_>) -> Option<Draft> {
    let model = fields.require("model", MODEL_HELP).and_then(|f| model(&f, context));
    let fit = fit::read(fields, &context.training);
    Some(Draft { kind: StageKind::Train(TrainSpec { model: model?, fit }), inputs: None })
}

pub(super) fn distill(fields: &Fields<'_>, context: &Context<'_>) -> Option<Draft> {
    let teacher = fields.require("teacher", "the stage whose network is the teacher").and_then(|f| selectors(&f));
    let model = fields.require("model", MODEL_HELP).and_then(|f| model(&f, context));
    let alpha = fields.get("alpha").and_then(|f| f.number(Bounds::closed(0.0, 1.0))).unwrap_or(0.9);
    let temperature = fields.get("temperature").and_then(|f| f.number(Bounds::above(0.0, 1000.0))).unwrap_or(4.0);
    let fit = fit::read(fields, &context.training);
    let kind = StageKind::Distill(DistillSpec { model: model?, alpha, temperature, fit });
    Some(Draft { kind, inputs: Some((Role::Teacher, teacher?)) })
}

pub(super) fn evaluate(fields: &Fields<'_>) -> Option<Draft> {
    let input = fields.require("input", "the stage whose points are evaluated").and_then(|f| selectors(&f))?;
    Some(Draft { kind: StageKind::Evaluate(EvaluateSpec {}), inputs: Some((Role::Input, input)) })
}
