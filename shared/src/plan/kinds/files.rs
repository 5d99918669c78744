//! Files beside the plan: they travel with it, and their contents are part of the jobs' keys.

use std::path::{Component, Path};

use crate::spec::PlanFile;

use super::super::fields::Field;
use super::super::suggest::nearest;
use super::super::tree::{Entry, Node, Value};
use super::Context;

/// A file beside the plan that is there.
pub(super) fn file(field: &Field<'_>, context: &Context<'_>) -> Option<PlanFile> {
    let name = inside(field, field.text()?)?;
    let Some(hash) = context.catalogue.files.get(&name) else {
        let error = field.error(format!("there is no file `{name}` beside the plan"));
        let others = context.catalogue.files.keys().map(String::as_str);
        field.problems.add(error.suggest(nearest(&name, others)).help("files are named relative to the plan's folder"));
        return None;
    };
    Some(PlanFile { name, hash: hash.clone() })
}

/// A relative path that stays in its folder.
pub(super) fn inside(field: &Field<'_>, name: &str) -> Option<String> {
    if is_inside(name) {
        return Some(name.to_owned());
    }
    field.say(format!("`{name}` must be a relative path without `..`"));
    None
}

/// Whether a name stays in its folder.
pub fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.ends_with('/')
        && !name.contains("//")
        && Path::new(name).components().all(|c| matches!(c, Component::Normal(_)))
        && !name.starts_with("./")
}

/// The well-formed names of files in a plan's tree, sorted, each once: what stands under `files` of a command, and under `onnx`
/// or `file` anywhere in a stage that trains, its matrix included.
pub(in super::super) fn files_of(plan: &Node) -> Vec<String> {
    let mut found = Vec::new();
    for stage in plan.get("stages").map(Node::entries).unwrap_or_default() {
        if let Some(files) = stage.node.get("command").and_then(|command| command.get("files")) {
            texts(files, &mut found);
        }
        let trains = ["train", "distill"].iter().any(|kind| stage.node.get(kind).is_some());
        if trains {
            stage.node.entries().iter().for_each(|entry| of_networks(entry, &mut found));
        }
    }
    let mut names: Vec<String> = found.into_iter().filter(|name| is_inside(name)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Axes have dotted names: `weights.file`.
fn of_networks<'a>(entry: &'a Entry, found: &mut Vec<&'a str>) {
    if matches!(entry.name.rsplit('.').next(), Some("onnx" | "file")) {
        texts(&entry.node, found);
    }
    inner(&entry.node, found);
}

fn inner<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| inner(item, found)),
        _ => node.entries().iter().for_each(|entry| of_networks(entry, found)),
    }
}

fn texts<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    match &node.value {
        Value::Text(name) => found.push(name),
        Value::List(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_beside_the_plan() {
        assert!(is_inside("train.py") && is_inside("lib/net.py"));
        for name in ["", "/etc/passwd", "../x", "a/../../x", "a/", "./a", "a//b"] {
            assert!(!is_inside(name), "{name}");
        }
    }
}
