//! One stage of a plan: its kind, read once for each combination of its matrix.

use crate::labels::Placement;
use crate::resources::DeviceClass;

use super::error::PlanError;
use super::fields::{Field, Fields};
use super::kinds::{self, Context, Draft, KINDS, Makes, PLANNED};
use super::matrix::{self, Choice};
use super::places;
use super::policy::{self, Policy};
use super::source::{At, Problems};
use super::suggest::{listed, nearest};
use super::tree::Entry;

/// A stage, with every choice but seed and inputs made.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub name: String,
    pub at: At,
    pub makes: Makes,
    pub variants: Vec<Variant>,
    pub policy: Policy,
    /// Which agents its jobs may go to.
    pub place: Placement,
    /// Whether measure jobs are added for its points.
    pub measured: bool,
}

/// One combination of the stage's matrix.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub row: Vec<Choice>,
    pub draft: Draft,
    pub device: Option<DeviceClass>,
}

/// What a stage takes from the plan's `defaults`.
#[derive(Debug, Clone)]
pub(super) struct StageDefaults {
    pub policy: Policy,
    pub place: Placement,
    pub device: Option<DeviceClass>,
}

pub(super) fn device(field: &Field<'_>) -> Option<DeviceClass> {
    field.word(&[("cpu", DeviceClass::Cpu), ("cuda", DeviceClass::Cuda)], &[])
}

pub(super) fn read(
    problems: &Problems<'_>,
    entry: &Entry,
    defaults: &StageDefaults,
    context: &Context<'_>,
) -> Option<Stage> {
    let path = format!("stages.{}", entry.name);
    check_name(problems, entry, &path);
    let fields = Fields::of(problems, &entry.node, &path)?;
    let word = kind_of(&fields, entry);
    let matrix = fields.get("matrix");
    let stage_device = fields.get("device").map(|f| device(&f));
    let policy = policy::read(&fields, defaults.policy);
    let place = places::read(&fields, &defaults.place);
    let measured = fields.get("measure").and_then(|f| f.flag()).unwrap_or(true);
    if let Some(field) = fields.get("threads") {
        let error = field.error("`threads` of a stage is not available in this version");
        problems.add(error.help("an agent divides its cores between its slots; `measure: { latency: { threads: 2 } }` sets those of the measurement"));
    }
    let rows = matrix::combinations(matrix.as_ref());
    let word = word?;
    let body = fields.get(word)?;
    fields.finish();
    let device = stage_device.unwrap_or(defaults.device);
    let rows = rows.into_iter().take_while(|_| !problems.is_full());
    let variants: Vec<Variant> = rows.filter_map(|row| variant(word, &body, row, device, context)).collect();
    if variants.iter().any(|variant| places::contradict(&place, variant.device)) {
        let path = format!("{path}.where");
        let error = PlanError::new(problems.source, entry.at, path, "`where` names a GPU, and `device` is cpu");
        problems.add(error.help("leave out one of the two; labels and `host` go with both"));
    }
    let (name, makes) = (entry.name.clone(), kinds::makes(word));
    Some(Stage { name, at: entry.at, makes, variants, policy, place, measured })
}

/// Reads the kind's fields with the row's choices in their places.
fn variant(
    word: &str,
    body: &Field<'_>,
    row: Vec<Choice>,
    default: Option<DeviceClass>,
    context: &Context<'_>,
) -> Option<Variant> {
    let mut node = body.node.clone();
    let mut chosen = default;
    for choice in &row {
        let free = word == "command" && choice.axis != "input";
        if matches!(choice.axis.as_str(), "seed" | "seeds") {
            let error =
                PlanError::new(body.problems.source, choice.at, body.path.clone(), "seeds are no axis of a stage");
            body.problems.add(
                error.help("they are set for the whole plan, so that inputs pair by equal seed: `seeds: [0, 1, 2]`"),
            );
            return None;
        } else if choice.axis == "device" {
            let path = format!("{}.device", body.path);
            chosen = device(&Field { problems: body.problems, path, node: &choice.node });
        } else if !free {
            node.set(&choice.axis, choice.at, &choice.node);
        }
    }
    let field = Field { problems: body.problems, path: body.path.clone(), node: &node };
    let draft = kinds::read(word, &field, &row, context)?;
    Some(Variant { row, draft, device: chosen })
}

/// Names appear in file names, in selectors and in tables.
fn check_name(problems: &Problems<'_>, entry: &Entry, path: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts = entry.name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts || entry.name.len() > 64 || !entry.name.chars().all(plain) {
        let message = format!("`{}` cannot name a stage", entry.name);
        let error = PlanError::new(problems.source, entry.at, path, message);
        problems.add(error.help("letters, digits, `-`, `_` and `.`, at most 64, the first a letter or digit"));
    } else if entry.name == MEASURE || super::selector::is_point(&entry.name) {
        problems.say(entry.at, path, format!("`{}` cannot name a stage: the word has another meaning", entry.name));
    }
}

/// The stage name of the jobs that measure latency.
pub(super) const MEASURE: &str = "measure";

/// The one kind that the stage names.
fn kind_of(fields: &Fields<'_>, entry: &Entry) -> Option<&'static str> {
    let problems = fields.problems;
    if let Some(planned) = fields.entries.iter().find(|e| PLANNED.contains(&e.name.as_str())) {
        let message = format!("the stage kind `{}` is not available in this version", planned.name);
        let error = PlanError::new(problems.source, planned.at, fields.path_of(&planned.name), message);
        problems.add(error.help(format!("available: {}", listed(KINDS))));
        return None;
    }
    let named: Vec<&'static str> = KINDS.into_iter().filter(|word| fields.get(word).is_some()).collect();
    match named.as_slice() {
        [word] => Some(word),
        [] => {
            let beside = |name: &str| matches!(name, "matrix" | "device" | "measure") || policy::FIELDS.contains(&name);
            let mut others = fields.entries.iter().filter(|e| !beside(&e.name));
            let meant = others.find_map(|e| nearest(&e.name, KINDS).map(|kind| (e, kind)));
            let (at, path) = meant.map_or((entry.at, fields.path.clone()), |(e, _)| (e.at, fields.path_of(&e.name)));
            let message =
                meant.map_or("the stage names no kind".to_owned(), |(e, _)| format!("unknown field `{}`", e.name));
            let error = PlanError::new(problems.source, at, path, message).suggest(meant.map(|(_, kind)| kind));
            problems.add(error.help(format!("a stage has one kind: {}", listed(KINDS))));
            None
        }
        [first, .., last] => {
            let message = format!("the stage names two kinds, `{first}` and `{last}`");
            let error = PlanError::new(problems.source, entry.at, fields.path.clone(), message);
            problems.add(error.help("make a stage of each"));
            None
        }
    }
}
