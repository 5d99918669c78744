//! `prune` and `quantize`.

use crate::spec::{
    Criterion, Observer, PruneMethod, PruneSpec, QuantMode, QuantTarget, QuantizeSpec, Role, Scope, StageKind,
};

use super::super::fields::{Bounds, Field, Fields};
use super::super::fit;
use super::super::matrix::Choice;
use super::{Context, Draft, selectors};

const METHODS: [(&str, PruneMethod); 2] =
    [("structured", PruneMethod::Structured), ("unstructured", PruneMethod::Unstructured)];
const CRITERIA: [(&str, Criterion); 4] =
    [("l1", Criterion::L1), ("l2", Criterion::L2), ("bn_scale", Criterion::BnScale), ("random", Criterion::Random)];
const SCOPES: [(&str, Scope); 2] = [("global", Scope::Global), ("layer", Scope::Layer)];
const OBSERVERS: [(&str, Observer); 4] = [
    ("min_max", Observer::MinMax),
    ("moving_average", Observer::MovingAverage),
    ("percentile", Observer::Percentile),
    ("entropy", Observer::Entropy),
];

pub(super) fn prune(fields: &Fields<'_>, context: &Context<'_>) -> Option<Draft> {
    let input = fields.require("input", "the stage whose networks are pruned").and_then(|f| selectors(&f));
    let method = fields.get("method").and_then(|f| f.word(&METHODS, &[])).unwrap_or(PruneMethod::Structured);
    let criterion = criterion(fields, method);
    let scope = fields.get("scope").and_then(|f| f.word(&SCOPES, &[])).unwrap_or(Scope::Global);
    let per_cycle = fields.get("per_cycle").and_then(|f| f.number(SHARE)).unwrap_or(0.2);
    let keep = kept(fields);
    // Integer kernels take channels four at a time (VNNI's dot product), so multiples of four waste nothing.
    let round_to = fields.get("round_to").and_then(|f| f.count(1..=256)).unwrap_or(4);
    let retrain = match fields.get("retrain").and_then(|f| f.fields()) {
        Some(inner) => {
            let read = fit::read(&inner, &context.retraining);
            inner.finish();
            read
        }
        None => context.retraining.fit.clone(),
    };
    let round_to = if method == PruneMethod::Structured { round_to } else { 1 };
    let spec = PruneSpec { method, criterion, scope, per_cycle, keep: keep?, retrain, round_to };
    Some(Draft::new(StageKind::Prune(spec), Some((Role::Input, input?))))
}

const SHARE: Bounds = Bounds::between(0.0, 1.0);

fn criterion(fields: &Fields<'_>, method: PruneMethod) -> Criterion {
    let Some(field) = fields.get("criterion") else { return Criterion::L1 };
    let criterion = field.word(&CRITERIA, &["gradient", "taylor", "hessian"]).unwrap_or(Criterion::L1);
    if criterion == Criterion::BnScale && method == PruneMethod::Unstructured {
        let error = field.error("`bn_scale` ranks channels, and `unstructured` pruning removes single weights");
        field.problems.add(error.help("use `l1`, or `method: structured`"));
    }
    criterion
}

/// The sparsities at which points are kept: `keep`, or else only where `until` ends.
fn kept(fields: &Fields<'_>) -> Option<Vec<f64>> {
    let until_field = fields.get("until");
    let until = until_field.as_ref().map(sparsity);
    let Some(field) = fields.get("keep") else { return until.unwrap_or(Some(0.5)).map(|u| vec![u]) };
    let items = field.list()?;
    let mut keep = items.iter().map(sparsity).collect::<Option<Vec<f64>>>()?;
    keep.sort_by(f64::total_cmp);
    if keep.is_empty() || keep.windows(2).any(|pair| pair[0] == pair[1]) {
        field
            .problems
            .add(field.error("`keep` lists different sparsities").help("for example `keep: [0.5, 0.75, 0.9]`"));
        return None;
    }
    let last = keep[keep.len() - 1];
    if let (Some(field), Some(Some(until))) = (until_field, until) {
        if until < last {
            field.say(format!("`until: {until}` ends before the sparsity {last} that `keep` lists"));
        } else if until > last {
            let warning =
                field.error(format!("no point is kept above {last}, so pruning stops there and not at {until}"));
            field.problems.warn(warning.help(format!("add {until} to `keep` for a point there")));
        }
    }
    Some(keep)
}

/// Points are named after their sparsity with two decimals.
fn sparsity(field: &Field<'_>) -> Option<f64> {
    let value = field.number(SHARE)?;
    if (value * 100.0 - (value * 100.0).round()).abs() > 1e-9 {
        field.say(format!("a sparsity has at most two decimals, found {}", field.found()));
        return None;
    }
    Some(value)
}

const MODES: [(&str, QuantMode); 2] = [("static", QuantMode::Static), ("qat", QuantMode::Qat)];
const FIT_FIELDS: [&str; 6] = ["epochs", "batch", "optimizer", "schedule", "label_smoothing", "precision"];

pub(super) fn quantize(fields: &Fields<'_>, row: &[Choice], context: &Context<'_>) -> Option<Draft> {
    let input = fields.require("input", "the stage whose networks are quantized").and_then(|f| selectors(&f));
    let targets = [("ort-vnni", QuantTarget::OrtVnni)];
    let target = fields.get("target").and_then(|f| f.word(&targets, &["ort-avx2", "tensorrt"]));
    let mode = fields.get("mode").and_then(|f| f.word(&MODES, &["dynamic"])).unwrap_or(QuantMode::Static);
    let observer = fields.get("observer").and_then(|f| f.word(&OBSERVERS, &["mse"])).unwrap_or(Observer::Percentile);
    let calibration_images = fields.get("calibration_images").and_then(|f| f.count(1..=1_000_000)).unwrap_or(512);
    let fit = fit::read(fields, &context.qat);
    // Where the matrix chooses the mode, the other mode's jobs use these fields.
    if mode == QuantMode::Static && !row.iter().any(|choice| choice.axis == "mode") {
        for field in FIT_FIELDS
            .iter()
            .filter(|name| fields.entries.iter().any(|e| e.name == **name))
            .filter_map(|n| fields.get(n))
        {
            field
                .problems
                .add(field.error("only `mode: qat` trains; `static` takes ranges from images").help("add `mode: qat`"));
        }
    }
    let spec = QuantizeSpec {
        target: target.unwrap_or(QuantTarget::OrtVnni),
        mode,
        observer,
        calibration_images,
        fit: (mode == QuantMode::Qat).then_some(fit),
    };
    Some(Draft::new(StageKind::Quantize(spec), Some((Role::Input, input?))))
}
