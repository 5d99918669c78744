//! Whether the patterns of `freeze` and `unfreeze` name parameters, and leave something to train.

use std::rc::Rc;

use crate::spec::{ModelSpec, Role, name_matches};

use super::error::PlanError;
use super::kinds::{Context, Pattern, built};
use super::source::Problems;
use super::stage::{Stage, Variant};
use super::suggest::{listed, nearest};

/// Notes patterns that name nothing in any network that the stage may train, and stages that train nothing. A network that is
/// not known yet is looked at when the job runs.
pub(super) fn check(stages: &[Stage], context: &Context<'_>, problems: &Problems<'_>) {
    for stage in stages {
        for variant in stage.variants.iter().filter(|v| !v.draft.patterns.is_empty()) {
            let mut models = Vec::new();
            networks(stages, variant, &mut vec![stage.name.as_str()], &mut models);
            let names: Option<Vec<Known<'_>>> = models.iter().map(|m| known(m, context)).collect();
            if let Some(networks) = names.filter(|networks| !networks.is_empty()) {
                check_variant(variant, &networks, problems);
            }
        }
    }
}

/// A network's name, and those of its parameters.
type Known<'a> = (&'a str, Rc<Vec<String>>);

fn known<'a>(model: &'a ModelSpec, context: &Context<'_>) -> Option<Known<'a>> {
    let parameters = built(model, context).ok().flatten()?;
    Some((model.name(), parameters))
}

/// The networks that the stage may train: its own, or those that its inputs began with. (No stage renames parameters.)
fn networks<'a>(stages: &'a [Stage], variant: &'a Variant, seen: &mut Vec<&'a str>, found: &mut Vec<&'a ModelSpec>) {
    if let Some(model) = variant.draft.kind.model() {
        if !found.contains(&model) {
            found.push(model);
        }
        return;
    }
    let Some((Role::Input, selectors)) = &variant.draft.inputs else { return };
    for selector in selectors {
        let Some(stage) = stages.iter().find(|s| s.name == selector.stage) else { continue };
        if !seen.contains(&stage.name.as_str()) {
            seen.push(&stage.name);
            stage.variants.iter().for_each(|variant| networks(stages, variant, seen, found));
        }
    }
}

fn check_variant(variant: &Variant, networks: &[Known<'_>], problems: &Problems<'_>) {
    let (patterns, Some(frozen)) = (&variant.draft.patterns, variant.draft.kind.frozen()) else { return };
    for pattern in patterns {
        let covers = |names: &Vec<String>| names.iter().any(|name| name_matches(&pattern.text, name));
        if !networks.iter().any(|(_, names)| covers(names)) {
            idle(pattern, networks[0].0, &networks[0].1, problems);
        }
    }
    let trains = |names: &Vec<String>| names.iter().any(|name| !frozen.is_frozen(name));
    if let (Some(first), true) = (patterns.first(), networks.iter().all(|(_, names)| !trains(names))) {
        let message = format!("with this, nothing of `{}` is left to train", networks[0].0);
        let error = PlanError::new(problems.source, first.at, first.field.clone(), message);
        problems.add(error.help("`unfreeze: [\"fc.*\"]` names what is trained"));
    }
}

fn idle(pattern: &Pattern, network: &str, parameters: &[String], problems: &Problems<'_>) {
    let layers = parameters.iter().filter_map(|name| name.rsplit_once('.')).map(|(layer, _)| format!("{layer}.*"));
    let words: Vec<String> = layers.chain(parameters.iter().cloned()).collect();
    let message = format!("`{}` names no parameter of `{network}`", pattern.text);
    let error = PlanError::new(problems.source, pattern.at, pattern.field.clone(), message);
    let whole = format!("{}.*", pattern.text);
    let near = if words.contains(&whole) {
        Some(whole.as_str())
    } else {
        nearest(&pattern.text, words.iter().map(String::as_str))
    };
    let last = parameters.iter().skip(parameters.len().saturating_sub(4)).map(String::as_str);
    problems.add(error.suggest(near).help(format!(
        "`*` stands for any characters; the last parameters are {}; `sweep model show` prints all",
        listed(last).replace(" or ", " and ")
    )));
}
