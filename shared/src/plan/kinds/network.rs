//! `train`, `distill` and `evaluate`.

use crate::spec::{DistillSpec, EvaluateSpec, FitSpec, ModelSource, ModelSpec, Role, StageKind, TrainSpec};

use super::super::fields::{Bounds, Fields};
use super::super::fit;
use super::model::{self, MODEL_HELP};
use super::{Context, Draft, selectors};

pub(super) fn train(fields: &Fields<'_>, context: &Context<'_>) -> Option<Draft> {
    let (input, model, weights) = (fields.get("input"), fields.get("model"), fields.get("weights"));
    let (frozen, patterns) = model::frozen(fields);
    let new = model.as_ref().map(|field| model::read(field, weights.as_ref(), context));
    let fit = fit_of(fields, new.as_ref().is_some_and(|model| is_new(model.as_ref())), context);
    let draft = |model, inputs| Draft { kind: StageKind::Train(TrainSpec { model, frozen, fit }), inputs, patterns };
    match (input, model, new) {
        (Some(input), None, _) => {
            if let Some(weights) = weights {
                weights.say("`weights` belongs to a `model`; the network of `input` has its own");
            }
            Some(draft(None, Some((Role::Input, selectors(&input)?))))
        }
        (None, Some(_), new) => Some(draft(Some(new.flatten()?), None)),
        (Some(_), Some(field), _) => {
            field.say("a stage trains either a new `model` or the network of `input`");
            None
        }
        (None, None, _) => {
            fields.require("model", &format!("{MODEL_HELP}; or train on from an earlier stage: `input: base`"));
            None
        }
    }
}

/// Whether the network has learnt nothing yet. One that was misread counts as such.
fn is_new(model: Option<&ModelSpec>) -> bool {
    model.is_none_or(|model| model.weights.is_none() && matches!(model.source, ModelSource::Zoo(_)))
}

/// How a network is trained: a new one wants larger steps than one that has learnt already.
fn fit_of(fields: &Fields<'_>, is_new: bool, context: &Context<'_>) -> FitSpec {
    fit::read(fields, if is_new { &context.training } else { &context.tuning })
}

pub(super) fn distill(fields: &Fields<'_>, context: &Context<'_>) -> Option<Draft> {
    let teacher = fields.require("teacher", "the stage whose network is the teacher").and_then(|f| selectors(&f));
    let weights = fields.get("weights");
    let model = fields.require("model", MODEL_HELP).and_then(|f| model::read(&f, weights.as_ref(), context));
    let (frozen, patterns) = model::frozen(fields);
    let alpha = fields.get("alpha").and_then(|f| f.number(Bounds::closed(0.0, 1.0))).unwrap_or(0.9);
    let temperature = fields.get("temperature").and_then(|f| f.number(Bounds::above(0.0, 1000.0))).unwrap_or(4.0);
    let fit = fit_of(fields, is_new(model.as_ref()), context);
    let kind = StageKind::Distill(DistillSpec { model: model?, frozen, alpha, temperature, fit });
    Some(Draft { kind, inputs: Some((Role::Teacher, teacher?)), patterns })
}

pub(super) fn evaluate(fields: &Fields<'_>) -> Option<Draft> {
    let input = fields.require("input", "the stage whose points are evaluated").and_then(|f| selectors(&f))?;
    Some(Draft::new(StageKind::Evaluate(EvaluateSpec {}), Some((Role::Input, input))))
}
