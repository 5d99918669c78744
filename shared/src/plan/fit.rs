//! Training parameters, and the defaults of a practitioner: what trains a CNN on CIFAR-10 well without being told more.

use crate::spec::{FitSpec, OptimizerSpec, Precision, ScheduleSpec};

use super::fields::{Bounds, Field, Fields};

/// What a kind of training starts from: its fit, and how each optimizer is set where the plan only names it.
#[derive(Debug, Clone)]
pub(super) struct FitDefaults {
    pub fit: FitSpec,
    pub sgd: OptimizerSpec,
    pub adamw: OptimizerSpec,
}

impl FitDefaults {
    fn new(epochs: u32, sgd_lr: f64, adamw_lr: f64, schedule: ScheduleSpec) -> Self {
        let sgd = OptimizerSpec::Sgd { lr: sgd_lr, momentum: 0.9, weight_decay: 5e-4, nesterov: true };
        let adamw = OptimizerSpec::Adamw { lr: adamw_lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };
        let fit = FitSpec {
            epochs,
            batch: 128,
            optimizer: sgd.clone(),
            schedule,
            label_smoothing: 0.0,
            precision: Precision::Auto,
        };
        Self { fit, sgd, adamw }
    }

    /// From scratch, for `train` and `distill`: one cycle up to 0.1 (Smith & Topin 2018).
    pub fn training() -> Self {
        Self::new(30, 0.1, 1e-3, ScheduleSpec::OneCycle { warmup_share: 0.3 })
    }

    /// Of a network that has learnt already, for `train` and `distill`: a tenth of the learning rate, and fewer epochs.
    pub fn tuning() -> Self {
        Self::new(10, 0.01, 1e-4, ScheduleSpec::Cosine { warmup_epochs: 0.0 })
    }

    /// After each pruning cycle: short, at a tenth of the learning rate.
    pub fn retraining() -> Self {
        Self::new(2, 0.01, 1e-4, ScheduleSpec::Cosine { warmup_epochs: 0.0 })
    }

    /// Quantization-aware training: shorter steps still, since the network is already trained.
    pub fn qat() -> Self {
        Self::new(3, 0.005, 5e-5, ScheduleSpec::Cosine { warmup_epochs: 0.0 })
    }
}

const EPOCHS: std::ops::RangeInclusive<u32> = 1..=100_000;
const WARMUP_EPOCHS: Bounds = Bounds::closed(0.0, 100_000.0);

/// Reads the fields that every training has. Those that are missing come from `defaults`.
pub(super) fn read(fields: &Fields<'_>, defaults: &FitDefaults) -> FitSpec {
    let base = &defaults.fit;
    let epochs = fields.get("epochs").and_then(|f| f.count(EPOCHS)).unwrap_or(base.epochs);
    FitSpec {
        epochs,
        batch: fields.get("batch").and_then(|f| f.count(1..=65_536)).unwrap_or(base.batch),
        optimizer: fields
            .get("optimizer")
            .and_then(|f| optimizer(&f, defaults))
            .unwrap_or_else(|| base.optimizer.clone()),
        schedule: fields
            .get("schedule")
            .and_then(|f| schedule(&f, Some(epochs)))
            .unwrap_or_else(|| base.schedule.clone()),
        label_smoothing: fields
            .get("label_smoothing")
            .and_then(|f| f.number(SMOOTHING))
            .unwrap_or(base.label_smoothing),
        precision: fields.get("precision").and_then(|f| precision(&f)).unwrap_or(base.precision),
    }
}

/// Reads the plan's `defaults` into those of the kinds of training. Batch, smoothing and precision hold for all of
/// them; epochs, optimizer and schedule for training from scratch only, since retraining wants other ones.
pub(super) fn read_defaults(fields: &Fields<'_>, training: &mut FitDefaults, shorter: [&mut FitDefaults; 3]) {
    training.fit = read(fields, training);
    for other in shorter {
        other.fit.batch = training.fit.batch;
        other.fit.label_smoothing = training.fit.label_smoothing;
        other.fit.precision = training.fit.precision;
    }
}

const SMOOTHING: Bounds = Bounds::below(0.0, 1.0);

fn precision(field: &Field<'_>) -> Option<Precision> {
    field.word(&[("auto", Precision::Auto), ("fp32", Precision::Fp32), ("bf16", Precision::Bf16)], &["fp16", "tf32"])
}

fn optimizer(field: &Field<'_>, defaults: &FitDefaults) -> Option<OptimizerSpec> {
    let (word, inner) = field.choice(&["sgd", "adamw"])?;
    let Some(inner) = inner else {
        return Some(if word == "sgd" { defaults.sgd.clone() } else { defaults.adamw.clone() });
    };
    let fields = inner.fields()?;
    let number = |name, bounds, default| fields.get(name).and_then(|f| f.number(bounds)).unwrap_or(default);
    let read = match &if word == "sgd" { defaults.sgd.clone() } else { defaults.adamw.clone() } {
        OptimizerSpec::Sgd { lr, momentum, weight_decay, nesterov } => OptimizerSpec::Sgd {
            lr: number("lr", Bounds::above(0.0, 100.0), *lr),
            momentum: number("momentum", Bounds::below(0.0, 1.0), *momentum),
            weight_decay: number("weight_decay", Bounds::closed(0.0, 1.0), *weight_decay),
            nesterov: nesterov_of(&fields, *nesterov),
        },
        OptimizerSpec::Adamw { lr, beta1, beta2, eps, weight_decay } => OptimizerSpec::Adamw {
            lr: number("lr", Bounds::above(0.0, 100.0), *lr),
            beta1: number("beta1", Bounds::below(0.0, 1.0), *beta1),
            beta2: number("beta2", Bounds::below(0.0, 1.0), *beta2),
            eps: number("eps", Bounds::above(0.0, 1.0), *eps),
            weight_decay: number("weight_decay", Bounds::closed(0.0, 1.0), *weight_decay),
        },
    };
    fields.finish();
    Some(read)
}

/// Nesterov's look-ahead needs a momentum: without one it is off by default, and an error where it is asked for.
fn nesterov_of(fields: &Fields<'_>, default: bool) -> bool {
    let still = fields.entries.iter().any(|e| e.name == "momentum" && e.node.to_json().as_f64() == Some(0.0));
    let asked = fields.get("nesterov").and_then(|f| f.flag().map(|flag| (f, flag)));
    if let Some((field, true)) = &asked
        && still
    {
        field.say("`nesterov` needs a `momentum` above 0");
    }
    asked.map_or(default, |(_, flag)| flag) && !still
}

/// `epochs` bounds the milestones, where it is known.
fn schedule(field: &Field<'_>, epochs: Option<u32>) -> Option<ScheduleSpec> {
    let (word, inner) = field.choice(&["constant", "cosine", "one_cycle", "multistep"])?;
    let fields = match &inner {
        Some(inner) => Some(inner.fields()?),
        None => None,
    };
    let number = |name, bounds, default: f64| {
        fields.as_ref().and_then(|f| f.get(name)).and_then(|f| f.number(bounds)).unwrap_or(default)
    };
    let read = match word {
        "cosine" => ScheduleSpec::Cosine { warmup_epochs: number("warmup_epochs", WARMUP_EPOCHS, 0.0) },
        "one_cycle" => ScheduleSpec::OneCycle { warmup_share: number("warmup_share", Bounds::between(0.0, 1.0), 0.3) },
        "multistep" => {
            let gamma = number("gamma", Bounds::above(0.0, 1.0), 0.1);
            let listed = fields.as_ref().and_then(|f| f.require("milestones", MILESTONES));
            if fields.is_none() {
                field.problems.add(field.error("`milestones` is missing").help(MILESTONES));
            }
            ScheduleSpec::Multistep {
                milestones: listed.and_then(|f| milestones(&f, epochs)).unwrap_or_default(),
                gamma,
            }
        }
        _ => ScheduleSpec::Constant,
    };
    if let Some(fields) = &fields {
        fields.finish();
    }
    Some(read)
}

const MILESTONES: &str =
    "the epochs at which the learning rate falls: `multistep: { milestones: [15, 25], gamma: 0.1 }`";

fn milestones(field: &Field<'_>, epochs: Option<u32>) -> Option<Vec<u32>> {
    let items = field.list()?;
    let last = epochs.map_or(*EPOCHS.end(), |epochs| epochs.saturating_sub(1).max(1));
    let numbers: Vec<u32> = items.iter().filter_map(|item| item.count(1..=last)).collect();
    if numbers.is_empty() && items.is_empty() || numbers.windows(2).any(|w| w[0] >= w[1]) {
        field.say("`milestones` lists epochs, each later than the one before");
    }
    (numbers.len() == items.len()).then_some(numbers)
}
