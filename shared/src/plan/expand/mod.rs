//! From a checked plan to its jobs.
//!
//! Stages are taken with inputs first. A stage makes a job for every seed, every combination of its matrix and every point
//! of its inputs that has the same seed. Choices with equal keys are one job: `key.rs` says what equal means, `label.rs` what
//! the jobs are called, `inputs.rs` which points a selector picks. Measure jobs for all points come last.

mod inputs;
mod key;
mod label;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::document::Plan;
use super::error::{PlanError, PlanErrors};
use super::expanded::{ExpandedJob, ExpandedPlan};
use super::kinds::{Makes, substitute};
use super::matrix::MAX_JOBS;
use super::measure::Measure;
use super::policy::Policy;
use super::source::Problems;
use super::stage::{MEASURE, Stage, Variant};
use crate::labels::Placement;
use crate::resources::DeviceClass;
use crate::spec::{DataSource, InputSpec, JobSpec, MAIN_POINT, Protocol, PruneSpec, Role, StageKind};

use inputs::Picked;
use label::Traits;

/// Makes the jobs of a plan. Fails where a selector picks nothing, or where there would be more jobs than a study has.
pub fn expand(plan: &Plan) -> Result<ExpandedPlan, PlanErrors> {
    let problems = Problems::new(&plan.source);
    let mut expansion = Expansion::new(plan, &problems);
    for stage in &plan.stages {
        expansion.stage(stage);
    }
    expansion.measure();
    let Expansion { jobs, shared, .. } = expansion;
    let more = problems.finish()?;
    let warnings = plan.warnings.iter().chain(&more).map(|w| format!("warning: {w}")).collect();
    let (name, priority, budget, notify) = (plan.name.clone(), plan.priority, plan.budget, plan.notify.clone());
    Ok(ExpandedPlan { name, priority, budget, notify, jobs, shared, warnings })
}

/// A job as the stages behind it see it: one choice of a stage, which may share its job with others.
struct Made {
    job: usize,
    seed: u64,
    traits: Traits,
    points: Vec<String>,
    /// The job under its stage's name, by point, as labels write it.
    described: Vec<String>,
}

struct Expansion<'a> {
    plan: &'a Plan,
    problems: &'a Problems<'a>,
    /// Canonical text of the plan's data.
    data: String,
    jobs: Vec<ExpandedJob>,
    by_key: HashMap<String, usize>,
    made: HashMap<&'a str, Vec<Made>>,
    shared: u32,
}

impl<'a> Expansion<'a> {
    fn new(plan: &'a Plan, problems: &'a Problems<'a>) -> Self {
        let data = key::of_data(plan.data.as_ref());
        Self { plan, problems, data, jobs: Vec::new(), by_key: HashMap::new(), made: HashMap::new(), shared: 0 }
    }

    /// Adds a stage's jobs.
    fn stage(&mut self, stage: &'a Stage) {
        let first = self.jobs.len();
        let mut all = Vec::new();
        // A command differs between seeds too, so its text is made for each job.
        let text = |v: &Variant| if stage.makes == Makes::Files { String::new() } else { key::of_kind(&v.draft.kind) };
        let kinds: Vec<String> = stage.variants.iter().map(text).collect();
        for &seed in &self.plan.seeds {
            for (variant, kind) in stage.variants.iter().zip(&kinds) {
                for picked in self.picks(variant, seed) {
                    if first + all.len() >= MAX_JOBS {
                        self.too_many(stage);
                        return;
                    }
                    all.push(self.job(stage, variant, kind, seed, picked));
                }
            }
        }
        self.describe(stage, first, &mut all);
        self.made.insert(&stage.name, all);
    }

    fn too_many(&self, stage: &Stage) {
        let message = format!("with stage `{}` the plan has more than {MAX_JOBS} jobs", stage.name);
        self.problems.say(stage.at, &format!("stages.{}", stage.name), message);
    }

    /// One choice of inputs each. A stage without inputs has one choice: none.
    fn picks(&self, variant: &Variant, seed: u64) -> Vec<Option<Picked>> {
        match &variant.draft.inputs {
            None => vec![None],
            Some((role, selectors)) => {
                inputs::pick(*role, selectors, seed, &self.made, self.problems).into_iter().map(Some).collect()
            }
        }
    }

    /// Makes the job, or finds the one with the same key.
    fn job(&mut self, stage: &Stage, variant: &Variant, canonical: &str, seed: u64, picked: Option<Picked>) -> Made {
        let input = picked.as_ref().map(|p| InputSpec {
            role: p.role,
            key: self.jobs[p.job].key.clone(),
            point: p.point.clone(),
        });
        let kind = with_values(&variant.draft.kind, &variant.row, seed);
        let is_command = matches!(kind, StageKind::Command(_));
        let data = if is_command { None } else { self.plan.data.clone() };
        let inputs: Vec<InputSpec> = input.into_iter().collect();
        // What `${…}` stands for is part of a command, and differs between seeds.
        let own = is_command.then(|| key::of_kind(&kind));
        let data_text = if is_command { "" } else { &self.data };
        let key = key::of_job(own.as_deref().unwrap_or(canonical), data_text, seed, &inputs, variant.device);
        let points = points(&kind);
        let traits = traits(variant, picked.as_ref());
        if let Some(&job) = self.by_key.get(&key) {
            self.shared += 1;
            return Made { job, seed, traits, points, described: Vec::new() };
        }
        let reusable = reusable(&kind, data.as_ref().map(|d| &d.source))
            && picked.as_ref().is_none_or(|p| self.jobs[p.job].reusable);
        let job = self.push(ExpandedJob {
            spec: JobSpec { stage: stage.name.clone(), seed, data, kind, inputs },
            key,
            label: String::new(),
            params: params(variant, picked.as_ref()),
            inputs: picked.iter().map(|p| p.job).collect(),
            points: points.clone(),
            device: variant.device,
            place: stage.place.clone(),
            exclusive: false,
            policy: stage.policy,
            reusable,
        });
        Made { job, seed, traits, points, described: Vec::new() }
    }

    fn push(&mut self, job: ExpandedJob) -> usize {
        self.by_key.insert(job.key.clone(), self.jobs.len());
        self.jobs.push(job);
        self.jobs.len() - 1
    }

    /// Labels the jobs from `first` on, which this stage made, and describes all of its choices.
    fn describe(&mut self, stage: &Stage, first: usize, all: &mut [Made]) {
        let mut distinct: HashMap<usize, &Traits> = HashMap::new();
        for made in all.iter() {
            distinct.entry(made.job).or_insert(&made.traits);
        }
        let varying: std::collections::BTreeSet<String> =
            label::varying(distinct.values().copied()).into_iter().map(str::to_owned).collect();
        let varying: std::collections::BTreeSet<&str> = varying.iter().map(String::as_str).collect();
        for (&job, traits) in distinct.iter().filter(|(job, _)| **job >= first) {
            self.jobs[job].label = label::label(traits, &varying);
        }
        for made in all {
            let names = if made.points.is_empty() { vec![MAIN_POINT.to_owned()] } else { made.points.clone() };
            made.described = names.iter().map(|p| label::described(&stage.name, &made.traits, &varying, p)).collect();
            made.points = names;
        }
    }

    /// Adds a measure job for every point that is a network, each once, after all other work.
    fn measure(&mut self) {
        let Some(Measure { spec, place }) = self.plan.measure.clone() else { return };
        let kind = StageKind::Measure(spec);
        let canonical = key::of_kind(&kind);
        let networks = |s: &&Stage| s.measured && matches!(s.makes, Makes::Network | Makes::Quantized);
        let stages: Vec<&Stage> = self.plan.stages.iter().filter(networks).collect();
        let made = std::mem::take(&mut self.made);
        for stage in stages {
            for made in made.get(stage.name.as_str()).into_iter().flatten() {
                for (point, described) in made.points.iter().zip(&made.described) {
                    if self.jobs.len() >= MAX_JOBS {
                        return self.too_many(stage);
                    }
                    self.measure_job((&kind, &canonical, &place), made, point, described);
                }
            }
        }
    }

    fn measure_job(
        &mut self,
        (kind, canonical, place): (&StageKind, &str, &Placement),
        made: &Made,
        point: &str,
        described: &str,
    ) {
        let input = InputSpec { role: Role::Candidate, key: self.jobs[made.job].key.clone(), point: point.to_owned() };
        let inputs = vec![input];
        let device = Some(DeviceClass::Cpu);
        let key = key::of_job(canonical, "", made.seed, &inputs, device);
        if self.by_key.contains_key(&key) {
            return;
        }
        self.push(ExpandedJob {
            spec: JobSpec { stage: MEASURE.to_owned(), seed: made.seed, data: None, kind: kind.clone(), inputs },
            key,
            label: described.to_owned(),
            params: BTreeMap::from([("candidate".to_owned(), Value::from(described))]),
            inputs: vec![made.job],
            points: vec![MAIN_POINT.to_owned()],
            device,
            place: place.clone(),
            exclusive: true,
            // The stages' memory is not the measurements'.
            policy: Policy { memory_bytes: None, ..self.plan.defaults.policy },
            // A latency belongs to the host that it was measured on.
            reusable: false,
        });
    }
}

/// A command's words and variables with `${axis}`, `${seed}` and `${input}` replaced; other kinds as they are.
fn with_values(kind: &StageKind, row: &[super::matrix::Choice], seed: u64) -> StageKind {
    let StageKind::Command(command) = kind else { return kind.clone() };
    let value = |name: &str| match name {
        "seed" => Some(seed.to_string()),
        // Where the agent puts the first input, relative to the attempt folder.
        "input" => Some("inputs/0".to_owned()),
        axis => row.iter().find(|c| c.axis == axis).map(|c| c.text.clone()),
    };
    let replaced = |text: &String| substitute(text, value).unwrap_or_else(|_| text.clone());
    let mut command = command.clone();
    command.run = command.run.iter().map(replaced).collect();
    command.outputs = command.outputs.iter().map(replaced).collect();
    command.env.values_mut().for_each(|text| *text = replaced(text));
    StageKind::Command(command)
}

fn points(kind: &StageKind) -> Vec<String> {
    match kind {
        StageKind::Prune(prune) => prune.keep.iter().map(|s| PruneSpec::point_name(*s)).collect(),
        StageKind::Command(command) if command.protocol == Protocol::Exit => Vec::new(),
        _ => vec![MAIN_POINT.to_owned()],
    }
}

fn traits(variant: &Variant, picked: Option<&Picked>) -> Traits {
    let choices = variant.row.iter().filter(|c| picked.is_none_or(|p| c.axis != p.role_word()));
    let mut traits: Traits = choices.map(|c| (c.axis.clone(), c.shown())).collect();
    traits.extend(picked.map(|p| (p.role_word().to_owned(), p.described.clone())));
    traits
}

fn params(variant: &Variant, picked: Option<&Picked>) -> BTreeMap<String, Value> {
    let mut params: BTreeMap<String, Value> = variant.row.iter().map(|c| (c.axis.clone(), c.node.to_json())).collect();
    params.extend(picked.map(|p| (p.role_word().to_owned(), Value::from(p.described.as_str()))));
    params
}

/// Whether equal keys mean equal results in another sweep too: not for folders, whose contents no key covers, and for
/// commands only where the author says so.
fn reusable(kind: &StageKind, data: Option<&DataSource>) -> bool {
    match kind {
        StageKind::Command(command) => command.reuse,
        StageKind::Measure(_) => false,
        _ => matches!(data, Some(DataSource::Synthetic(_))),
    }
}

impl Plan {
    /// An error at a stage's place, for what only the caller can check.
    pub fn stage_error(&self, stage: &str, message: &str) -> Option<PlanError> {
        let found = self.stages.iter().find(|s| s.name == stage)?;
        Some(PlanError::new(&self.source, found.at, format!("stages.{stage}"), message))
    }
}
