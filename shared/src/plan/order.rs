//! Which stage comes before which: inputs exist, fit their reader, and lead in no circle.

use crate::spec::Role;

use super::error::PlanError;
use super::kinds::Makes;
use super::selector::Selector;
use super::source::Problems;
use super::stage::Stage;
use super::suggest::{listed, nearest};

/// The stages by index, inputs before their readers, otherwise as the plan lists them.
pub(super) fn order(stages: &[Stage], problems: &Problems<'_>) -> Vec<usize> {
    let mut walk =
        Walk { stages, problems, marks: vec![Mark::New; stages.len()], trail: Vec::new(), order: Vec::new() };
    for index in 0..stages.len() {
        walk.visit(index);
    }
    walk.order
}

/// Notes inputs that name no stage, or one whose points the reader cannot use.
pub(super) fn check_inputs(stages: &[Stage], problems: &Problems<'_>) {
    for stage in stages {
        for (role, selector) in inputs(stage) {
            match stages.iter().find(|s| s.name == selector.stage) {
                None => unknown(stages, stage, selector, problems),
                Some(input) => check_use(stage, role, input, selector, problems),
            }
        }
    }
}

fn inputs(stage: &Stage) -> impl Iterator<Item = (Role, &Selector)> {
    stage
        .variants
        .iter()
        .filter_map(|v| v.draft.inputs.as_ref())
        .flat_map(|(role, list)| list.iter().map(|s| (*role, s)))
}

fn unknown(stages: &[Stage], reader: &Stage, selector: &Selector, problems: &Problems<'_>) {
    let names = || stages.iter().filter(|s| s.name != reader.name).map(|s| s.name.as_str());
    let message = format!("there is no stage called `{}`", selector.stage);
    let error = PlanError::new(problems.source, selector.at, selector.field.clone(), message);
    problems.add(error.suggest(nearest(&selector.stage, names())).help(format!("stages: {}", listed(names()))));
}

fn check_use(reader: &Stage, role: Role, input: &Stage, selector: &Selector, problems: &Problems<'_>) {
    let measures = reader.makes == Makes::Report;
    let why = match (reader.makes, input.makes) {
        (Makes::Files, _) | (_, Makes::Network) => return,
        (_, Makes::Quantized) if measures => return,
        (_, Makes::Quantized) if role == Role::Teacher => "is quantized, and a teacher is an fp32 network",
        (_, Makes::Quantized) => "is quantized already; prune and distil before quantizing",
        (_, Makes::Report) => "only evaluates: name the stage that makes the network",
        (_, Makes::Files) => "runs a command; only another command can read what it writes",
    };
    let message = format!("`{}` {why}", input.name);
    problems.add(PlanError::new(problems.source, selector.at, selector.field.clone(), message));
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    /// On the trail from the stage that the walk began at.
    Open,
    Done,
}

struct Walk<'a> {
    stages: &'a [Stage],
    problems: &'a Problems<'a>,
    marks: Vec<Mark>,
    trail: Vec<usize>,
    order: Vec<usize>,
}

impl Walk<'_> {
    fn visit(&mut self, index: usize) {
        if self.marks[index] != Mark::New {
            return;
        }
        self.marks[index] = Mark::Open;
        self.trail.push(index);
        for (_, selector) in inputs(&self.stages[index]) {
            let Some(input) = self.stages.iter().position(|s| s.name == selector.stage) else { continue };
            if self.marks[input] == Mark::Open {
                self.circle(input, selector);
            } else {
                self.visit(input);
            }
        }
        self.trail.pop();
        self.marks[index] = Mark::Done;
        self.order.push(index);
    }

    fn circle(&self, back_to: usize, selector: &Selector) {
        let from = self.trail.iter().position(|i| *i == back_to).expect("an open stage is on the trail");
        let names: Vec<&str> =
            self.trail[from..].iter().chain([&back_to]).map(|i| self.stages[*i].name.as_str()).collect();
        let message = match names.as_slice() {
            [own, _] => format!("`{own}` cannot be its own input"),
            _ => format!("these stages wait for each other: {}", names.join(" ← ")),
        };
        self.problems.add(PlanError::new(self.problems.source, selector.at, selector.field.clone(), message));
    }
}
