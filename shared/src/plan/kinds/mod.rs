//! The stage kinds: from the fields under `train:`, `prune:` and so on to fully defaulted parameters.
//!
//! A stage is read once for every combination of its matrix, with the chosen values put in their fields, so each value is
//! checked as if it had been written there. `network.rs` has what makes or measures a network, `compress.rs` what makes it
//! smaller, `command.rs` the user's own programs, `model.rs` the network that a stage begins with, `files.rs` what travels with the
//! plan.

mod command;
mod compress;
mod environment;
mod files;
mod model;
mod network;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::spec::{Normalization, Role, StageKind};

use super::catalogue::Catalogue;
use super::fields::Field;
use super::fit::FitDefaults;
use super::matrix::Choice;
use super::selector::Selector;
use super::source::At;

pub(super) use command::substitute;
pub(super) use files::files_of;
pub use files::is_inside;
pub(super) use model::built;

/// The kinds that a plan can name.
pub(super) const KINDS: [&str; 6] = ["train", "distill", "prune", "quantize", "evaluate", "command"];
/// Kinds of later versions.
pub(super) const PLANNED: [&str; 4] = ["ensemble", "oracle", "route", "compress"];

/// What reading a stage needs to know of the rest of the plan.
pub(super) struct Context<'a> {
    pub catalogue: &'a Catalogue,
    /// Of new networks.
    pub training: FitDefaults,
    /// Of networks that have learnt already.
    pub tuning: FitDefaults,
    pub retraining: FitDefaults,
    pub qat: FitDefaults,
    /// Pixels; `None` where the plan has no data.
    pub image_size: Option<u32>,
    pub normalization: Option<Normalization>,
    /// Names of parameters of networks that were already built once, to see whether they fit: by their canonical text.
    pub built: RefCell<HashMap<String, Built>>,
}

/// See [`super::catalogue::Networks::parameters`].
pub(super) type Built = Result<Option<Rc<Vec<String>>>, String>;

/// One choice of everything but seed and inputs.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub kind: StageKind,
    /// What the inputs are to the job, and from where they may come: each of these makes a job.
    pub inputs: Option<(Role, Vec<Selector>)>,
    /// Where the patterns of `freeze` and `unfreeze` stand.
    pub patterns: Vec<Pattern>,
}

impl Draft {
    /// Without patterns.
    fn new(kind: StageKind, inputs: Option<(Role, Vec<Selector>)>) -> Self {
        Self { kind, inputs, patterns: Vec::new() }
    }
}

/// A pattern over names of parameters, and the field that holds it.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub text: String,
    pub at: At,
    pub field: String,
}

/// What a stage's points are to the stages behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Makes {
    /// An fp32 network.
    Network,
    /// An int8 network, which can be measured and not trained further.
    Quantized,
    /// Numbers.
    Report,
    /// Whatever the user's program writes.
    Files,
}

pub(super) fn makes(kind: &str) -> Makes {
    match kind {
        "train" | "distill" | "prune" => Makes::Network,
        "quantize" => Makes::Quantized,
        "evaluate" => Makes::Report,
        _ => Makes::Files,
    }
}

/// Reads one kind's fields. `row` are the matrix choices, which are already put in their fields.
pub(super) fn read(word: &str, field: &Field<'_>, row: &[Choice], context: &Context<'_>) -> Option<Draft> {
    let fields = field.fields()?;
    let draft = match word {
        "train" => network::train(&fields, context),
        "distill" => network::distill(&fields, context),
        "evaluate" => network::evaluate(&fields),
        "prune" => compress::prune(&fields, context),
        "quantize" => compress::quantize(&fields, row, context),
        _ => command::read(&fields, row, context),
    };
    fields.finish();
    draft
}

/// `input: stage` or `input: [stage, "other[s0.50]"]`.
fn selectors(field: &Field<'_>) -> Option<Vec<Selector>> {
    let items = if let super::tree::Value::List(_) = field.node.value { field.list()? } else { vec![field.clone()] };
    if items.is_empty() {
        field.say("this list names no stage");
    }
    items.iter().map(selector).collect()
}

fn selector(item: &Field<'_>) -> Option<Selector> {
    let parsed = Selector::parse(item.text()?, item.node.at, &item.path);
    if parsed.is_none() {
        let error = item.error(format!("{} does not name a stage", item.found()));
        item.problems.add(error.help("write `pruned`, `pruned[s0.50]` or `student[model=kd-conv4]`"));
    }
    parsed
}
