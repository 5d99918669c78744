//! `env` and `secrets` of a command: variables with their values, and names of variables whose values only agents know.

use std::collections::BTreeMap;

use crate::spec::{is_variable_name, reserved};

use super::super::error::PlanError;
use super::super::fields::Field;
use super::super::tree::Value;
use super::command::argument;

const ENV_HELP: &str = "for example `env: { HF_HOME: /data/hf, LR: \"${lr}\" }`";
const SECRETS_HELP: &str =
    "names only, for example `secrets: [WANDB_API_KEY]`: each agent has the values in files of these names";

/// `${…}` stay until it is known what they stand for.
pub(super) fn env(field: &Field<'_>, names: &[&str]) -> BTreeMap<String, String> {
    if !matches!(field.node.value, Value::Map(_)) {
        field.problems.add(field.error(format!("expected a map, found {}", field.found())).help(ENV_HELP));
        return BTreeMap::new();
    }
    let mut env = BTreeMap::new();
    for entry in field.node.entries() {
        let path = format!("{}.{}", field.path, entry.name);
        let error = |message: String| PlanError::new(field.problems.source, entry.at, path.clone(), message);
        if let Some((message, help)) = refusal(&entry.name) {
            field.problems.add(error(message).help(help));
            continue;
        }
        let value = Field { problems: field.problems, path: path.clone(), node: &entry.node };
        if let Some(value) = argument(&value, names) {
            env.insert(entry.name.clone(), value);
        }
    }
    env
}

/// Sorted, each once. `env`: what has its value already.
pub(super) fn secrets(field: &Field<'_>, env: &BTreeMap<String, String>) -> Vec<String> {
    if let Value::Map(_) = field.node.value {
        field.problems.add(field.error("values of secrets do not belong in a plan").help(SECRETS_HELP));
        return Vec::new();
    }
    let mut secrets: Vec<String> = Vec::new();
    for item in field.list().unwrap_or_default() {
        let Some(name) = item.text() else { continue };
        if let Some((message, help)) = refusal(name) {
            field.problems.add(item.error(message).help(help));
        } else if env.contains_key(name) {
            field.problems.add(item.error(format!("`{name}` is in `env`, too")).help("take it out of one of them"));
        } else {
            secrets.push(name.to_owned());
        }
    }
    secrets.sort();
    secrets.dedup();
    secrets
}

/// Why there cannot be such a variable, and what to do instead.
fn refusal(name: &str) -> Option<(String, String)> {
    if !is_variable_name(name) {
        let help = "letters, digits and `_`, the first no digit, 128 at most";
        return Some((format!("`{name}` cannot name a variable of the environment"), help.to_owned()));
    }
    reserved(name).map(|(why, help)| (format!("`{name}` cannot be set: {why}"), help.to_owned()))
}
