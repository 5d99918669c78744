//! Which points a stage's selectors pick among the jobs already made.

use std::collections::{BTreeSet, HashMap};

use crate::spec::Role;

use super::super::error::PlanError;
use super::super::selector::{Candidate, Item, Selector, is_point};
use super::super::source::Problems;
use super::super::suggest::{listed, nearest};
use super::Made;

/// One point chosen as input.
pub(super) struct Picked {
    pub role: Role,
    pub job: usize,
    pub point: String,
    /// As labels name it.
    pub described: String,
}

impl Picked {
    /// The plan's word for the role.
    pub fn role_word(&self) -> &'static str {
        if self.role == Role::Teacher { "teacher" } else { "input" }
    }
}

/// The points of this seed that the selectors pick, each once. Notes an error for a selector that picks none.
pub(super) fn pick(
    role: Role,
    selectors: &[Selector],
    seed: u64,
    made: &HashMap<&str, Vec<Made>>,
    problems: &Problems<'_>,
) -> Vec<Picked> {
    let mut picked: Vec<Picked> = Vec::new();
    let mut seen = BTreeSet::new();
    for selector in selectors {
        let jobs = || made.get(selector.stage.as_str()).into_iter().flatten().filter(|m| m.seed == seed);
        let mut found = false;
        for made in jobs() {
            for (point, described) in made.points.iter().zip(&made.described) {
                if selector.matches(&Candidate { point, traits: &made.traits }) {
                    found = true;
                    if seen.insert((made.job, point.as_str())) {
                        picked.push(Picked { role, job: made.job, point: point.clone(), described: described.clone() });
                    }
                }
            }
        }
        // A stage that itself failed to expand has been complained of already.
        if !found && made.contains_key(selector.stage.as_str()) && problems.is_empty() {
            problems.add(nothing(selector, jobs().collect::<Vec<_>>().as_slice(), problems));
        }
    }
    picked
}

/// The most that an error lists.
const LISTED: usize = 12;

fn nothing(selector: &Selector, jobs: &[&Made], problems: &Problems<'_>) -> PlanError {
    let stage = &selector.stage;
    let new = |message: String| PlanError::new(problems.source, selector.at, selector.field.clone(), message);
    let axes: BTreeSet<&str> = jobs.iter().flat_map(|m| &m.traits).map(|(axis, _)| axis.as_str()).collect();
    let points: BTreeSet<&str> = jobs.iter().flat_map(|m| &m.points).map(String::as_str).collect();
    for item in &selector.items {
        match item {
            Item::Choice { axis, .. } if !axes.contains(axis.as_str()) => {
                let error = new(format!("the jobs of `{stage}` do not differ in `{axis}`"))
                    .suggest(nearest(axis, axes.iter().copied()));
                return error.help(format!("they differ in {}", listed(axes.iter().copied())));
            }
            Item::Choice { axis, value } => {
                let values: BTreeSet<&str> =
                    jobs.iter().flat_map(|m| &m.traits).filter(|(a, _)| a == axis).map(|(_, v)| v.as_str()).collect();
                if !values.iter().any(|v| *v == value || v.parse::<f64>().ok().is_some_and(|v| Ok(v) == value.parse()))
                {
                    let error = new(format!("no job of `{stage}` has `{axis}={value}`"));
                    let error = error.suggest(nearest(value, values.iter().copied()));
                    return error.help(format!("values: {}", listed(values.into_iter().take(LISTED))));
                }
            }
            Item::Word(word) if is_point(word) && !points.contains(word.as_str()) => {
                let error =
                    new(format!("`{stage}` has no point `{word}`")).suggest(nearest(word, points.iter().copied()));
                return error.help(format!("points: {}", listed(points.into_iter().take(LISTED))));
            }
            Item::Word(_) => {}
        }
    }
    let all = jobs.iter().flat_map(|m| &m.described).map(String::as_str).take(LISTED);
    new(format!("this picks no point of `{stage}`")).help(format!("points: {}", listed(all)))
}
