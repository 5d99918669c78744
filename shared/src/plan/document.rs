//! The plan as a whole: its top-level fields, then its stages, then how the stages hang together.

use std::sync::Arc;

use crate::labels::Placement;
use crate::notices::Notify;
use crate::spec::DataSpec;

use super::catalogue::Catalogue;
use super::error::{PlanError, PlanErrors};
use super::fields::{Field, Fields};
use super::fit::{self, FitDefaults};
use super::kinds::{Context, Makes};
use super::measure::{self, Measure};
use super::policy::{self, Budget, Policy};
use super::source::{At, Problems, Source};
use super::stage::{self, Stage, StageDefaults};
use super::{data, frozen, notify, order, places, yaml};

/// A plan that was read and checked, with every default filled in. [`super::expand`] makes its jobs.
#[derive(Debug, Clone)]
pub struct Plan {
    pub name: String,
    pub seeds: Vec<u64>,
    pub data: Option<DataSpec>,
    /// Added to the jobs' own.
    pub priority: i32,
    pub budget: Budget,
    pub notify: Notify,
    /// What the author should know although the plan runs.
    pub warnings: Vec<PlanError>,
    pub(super) source: Arc<Source>,
    /// Inputs before their readers.
    pub(super) stages: Vec<Stage>,
    pub(super) measure: Option<Measure>,
    pub(super) defaults: StageDefaults,
}

/// Reads and checks a plan. `path` is for messages, and its stem names a plan without `name`.
pub fn parse(text: &str, path: &str, catalogue: &Catalogue) -> Result<Plan, PlanErrors> {
    let source = Arc::new(Source::new(path, text));
    let root = yaml::tree(&source)?;
    let problems = Problems::new(&source);
    let plan = Fields::of(&problems, &root, "").map(|fields| document(&fields, &source, catalogue));
    let warnings = problems.finish()?;
    Ok(Plan { warnings, ..plan.expect("a root that is no map was refused") })
}

fn document(fields: &Fields<'_>, source: &Arc<Source>, catalogue: &Catalogue) -> Plan {
    let problems = fields.problems;
    let name = fields.get("name").and_then(|f| name(&f)).unwrap_or_else(|| stem(&source.path));
    let data_field = fields.get("data");
    let data = data_field.as_ref().and_then(data::read);
    let seeds = fields.get("seeds").and_then(|f| seeds(&f)).unwrap_or_else(|| vec![0]);
    let (mut training, mut tuning) = (FitDefaults::training(), FitDefaults::tuning());
    let (mut retraining, mut qat) = (FitDefaults::retraining(), FitDefaults::qat());
    let defaults = defaults(fields, &mut training, [&mut tuning, &mut retraining, &mut qat]);
    let image_size = data.as_ref().map(data::image_size);
    let normalization = data.as_ref().map(|data| data.normalization);
    let built = Default::default();
    let context = Context { catalogue, training, tuning, retraining, qat, image_size, normalization, built };
    let stages = stages(fields, &defaults, &context);
    let measure = measure::read(fields.get("measure").as_ref(), &defaults.place);
    let priority = fields.get("priority").and_then(|f| policy::priority(&f)).unwrap_or(0);
    let budget = fields.get("budget").map(|f| policy::budget(&f)).unwrap_or_default();
    let notify = fields.get("notify").map(|f| notify::read(&f)).unwrap_or_default();
    not_yet(fields);
    fields.finish();
    if data_field.is_none() && stages.iter().any(|s| s.makes != Makes::Files) {
        let error =
            PlanError::new(problems.source, At::START, "data", "`data` is missing: which images are trained on?");
        problems.add(
            error.help("`data: synthetic` needs no files; or `cifar10`, or `{ name: folder, path: ~/data/flowers }`"),
        );
    }
    order::check_inputs(&stages, problems);
    frozen::check(&stages, &context, problems);
    let order = order::order(&stages, problems);
    let stages = order.into_iter().map(|index| stages[index].clone()).collect();
    let (source, warnings) = (source.clone(), Vec::new());
    Plan { name, seeds, data, priority, budget, notify, warnings, source, stages, measure, defaults }
}

fn name(field: &Field<'_>) -> Option<String> {
    let name = field.text()?;
    if name.chars().count() > 100 {
        field.say("a name has at most 100 characters");
    }
    Some(name.to_owned())
}

fn stem(path: &str) -> String {
    let stem = std::path::Path::new(path).file_stem().map(|s| s.to_string_lossy().into_owned());
    stem.filter(|s| !s.is_empty()).unwrap_or_else(|| "plan".to_owned())
}

fn seeds(field: &Field<'_>) -> Option<Vec<u64>> {
    let items = field.list()?;
    if items.is_empty() {
        field.say("`seeds` lists no seed");
        return None;
    }
    let mut seeds = Vec::new();
    for item in &items {
        let seed = item.integer(0..=u64::from(u32::MAX))?;
        if seeds.contains(&seed) {
            item.say(format!("seed {seed} is listed twice"));
        }
        seeds.push(seed);
    }
    Some(seeds)
}

fn defaults(fields: &Fields<'_>, training: &mut FitDefaults, shorter: [&mut FitDefaults; 3]) -> StageDefaults {
    let mut defaults = StageDefaults { policy: Policy::default(), place: Placement::default(), device: None };
    if let Some(inner) = fields.get("defaults").and_then(|f| f.fields()) {
        fit::read_defaults(&inner, training, shorter);
        defaults.policy = policy::read(&inner, defaults.policy);
        defaults.place = places::read(&inner, &defaults.place);
        defaults.device = inner.get("device").and_then(|f| stage::device(&f));
        inner.finish();
    }
    defaults
}

const MAX_STAGES: usize = 1000;

fn stages(fields: &Fields<'_>, defaults: &StageDefaults, context: &Context<'_>) -> Vec<Stage> {
    let help = "for example `stages: { base: { train: { model: small-cnn } } }`";
    let Some(inner) = fields.require("stages", help).and_then(|f| f.fields()) else { return Vec::new() };
    if inner.entries.is_empty() {
        inner.problems.add(PlanError::new(inner.problems.source, inner.at, "stages", "there is no stage").help(help));
    }
    if inner.entries.len() > MAX_STAGES {
        inner.problems.say(
            inner.at,
            "stages",
            format!("there are {} stages; {MAX_STAGES} are the limit", inner.entries.len()),
        );
        return Vec::new();
    }
    inner.entries.iter().filter_map(|entry| stage::read(inner.problems, entry, defaults, context)).collect()
}

/// What later versions will do: `search` would change which jobs run, so the plan is refused.
fn not_yet(fields: &Fields<'_>) {
    if let Some(field) = fields.get("search") {
        let error = field.error("`search` is not available in this version");
        field.problems.add(error.help("without it every job runs to its end"));
    }
}
