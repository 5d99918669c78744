//! `command`: the user's own program.

use crate::spec::{CommandSpec, PlanFile, Protocol, Role, StageKind};

use super::super::fields::{Field, Fields};
use super::super::matrix::Choice;
use super::super::suggest::{listed, nearest};
use super::super::tree::Value;
use super::environment;
use super::files::{file, inside};
use super::{Context, Draft, selectors};

const RUN_HELP: &str = "the program and its arguments, without a shell: `run: [python3, train.py, --lr, \"${lr}\"]`";

/// `run`, `outputs` and `env` keep their `${…}`: which seed and which inputs are known when jobs are made.
pub(super) fn read(fields: &Fields<'_>, row: &[Choice], context: &Context<'_>) -> Option<Draft> {
    let input = fields.get("input");
    let has_input = input.is_some();
    let input = input.and_then(|f| selectors(&f));
    let names = names(row, has_input);
    let run = fields.require("run", RUN_HELP).and_then(|f| run(&f, &names));
    let protocols = [("exit", Protocol::Exit), ("events", Protocol::Events)];
    let protocol = fields.get("protocol").and_then(|f| f.word(&protocols, &[])).unwrap_or(Protocol::Exit);
    let outputs = fields.get("outputs").map(|f| outputs(&f, &names)).unwrap_or_default();
    let files = fields.get("files").map(|f| files(&f, context)).unwrap_or_default();
    let reuse = fields.get("reuse").and_then(|f| f.flag()).unwrap_or(false);
    let env = fields.get("env").map(|f| environment::env(&f, &names)).unwrap_or_default();
    let secrets = fields.get("secrets").map(|f| environment::secrets(&f, &env)).unwrap_or_default();
    let matrix = row.iter().map(|c| (c.axis.clone(), c.node.to_json())).collect();
    let kind = StageKind::Command(CommandSpec { run: run?, protocol, outputs, files, matrix, reuse, env, secrets });
    match (has_input, input) {
        (true, None) => None,
        (_, input) => Some(Draft::new(kind, input.map(|selectors| (Role::Input, selectors)))),
    }
}

/// What `${…}` may name.
fn names(row: &[Choice], has_input: bool) -> Vec<&str> {
    let mut names: Vec<&str> = row.iter().map(|c| c.axis.as_str()).collect();
    names.push("seed");
    if has_input {
        names.push("input");
    }
    names
}

fn run(field: &Field<'_>, names: &[&str]) -> Option<Vec<String>> {
    if let Value::Text(_) = field.node.value {
        field.problems.add(field.error("expected a list: the program and each argument").help(RUN_HELP));
        return None;
    }
    let items = field.list()?;
    if items.is_empty() {
        field.problems.add(field.error("this list names no program").help(RUN_HELP));
        return None;
    }
    items.iter().map(|item| argument(item, names)).collect()
}

/// One word, with its `${…}` checked.
pub(super) fn argument(item: &Field<'_>, names: &[&str]) -> Option<String> {
    let text = match &item.node.value {
        Value::Null | Value::List(_) | Value::Map(_) => {
            item.say(format!("expected one argument, found {}", item.found()));
            return None;
        }
        Value::Text(text) if text.contains('\0') => {
            item.say("an argument cannot hold a zero byte");
            return None;
        }
        Value::Text(text) => text.clone(),
        _ => item.spelling(),
    };
    check_names(item, &text, names);
    Some(text)
}

fn check_names(item: &Field<'_>, text: &str, names: &[&str]) {
    if let Err(unknown) = substitute(text, |name| names.contains(&name).then(String::new)) {
        let error = item
            .error(format!("nothing is called `${{{unknown}}}` here"))
            .suggest(nearest(&unknown, names.iter().copied()));
        let listed = listed(names.iter().copied());
        item.problems.add(error.help(format!("known: {listed}; for the characters `${{` themselves write `$${{`")));
    }
}

fn outputs(field: &Field<'_>, names: &[&str]) -> Vec<String> {
    let checked = |item: &Field<'_>| {
        let text = item.text()?;
        check_names(item, text, names);
        inside(item, text)
    };
    field.list().unwrap_or_default().iter().filter_map(checked).collect()
}

fn files(field: &Field<'_>, context: &Context<'_>) -> Vec<PlanFile> {
    let mut files: Vec<PlanFile> =
        field.list().unwrap_or_default().iter().filter_map(|item| file(item, context)).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.dedup();
    files
}

/// Replaces each `${name}`; `$${` stands for `${`. Fails with the first name that `value` does not know.
pub(in super::super) fn substitute(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        if let Some(kept) = before.strip_suffix('$') {
            result.push_str(kept);
            result.push_str("${");
            rest = after;
            continue;
        }
        result.push_str(before);
        let end = after.find('}').ok_or_else(|| after.chars().take(20).collect::<String>())?;
        result.push_str(&value(&after[..end]).ok_or_else(|| after[..end].to_owned())?);
        rest = &after[end + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_dollars_kept() {
        let value = |name: &str| (name == "i").then(|| "7".to_owned());
        assert_eq!(substitute("a${i}b${i}", value), Ok("a7b7".to_owned()));
        assert_eq!(substitute("echo $$ $HOME $${i}", value), Ok("echo $$ $HOME ${i}".to_owned()));
        assert_eq!(substitute("${j}", value), Err("j".to_owned()));
        assert_eq!(substitute("${i", value), Err("i".to_owned()));
    }
}
