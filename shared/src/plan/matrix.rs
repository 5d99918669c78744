//! `matrix`: every combination of the axes' values, less what `exclude` names, and what `include` adds.

use super::error::PlanError;
use super::fields::Field;
use super::source::At;
use super::suggest::{listed, nearest};
use super::tree::{Entry, Node, Value};

/// One choice of one axis.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub axis: String,
    /// Where the axis is named.
    pub at: At,
    pub node: Node,
    /// The value as the author wrote it; lists and maps as JSON.
    pub text: String,
}

impl Choice {
    /// The value as labels show it and selectors name it: of maps only what tells them apart, without JSON's quotes and commas,
    /// `resnet18+width:0.5` and `sgd(lr:0.1)`.
    pub fn shown(&self) -> String {
        if let Value::Map(_) = self.node.value { compact(&self.node) } else { self.text.clone() }
    }
}

fn compact(node: &Node) -> String {
    let Value::Map(entries) = &node.value else {
        return match node.to_json() {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
    };
    let part = |entry: &Entry| match (&entry.node.value, entry.name.as_str()) {
        (Value::Map(_), name) => format!("{name}({})", compact(&entry.node)),
        // What the rest belongs to.
        (_, "name" | "onnx" | "file") => compact(&entry.node),
        (_, name) => format!("{name}:{}", compact(&entry.node)),
    };
    entries.iter().map(part).collect::<Vec<_>>().join("+")
}

/// More jobs than this are more than a study: the plan is refused before they are made.
pub(super) const MAX_JOBS: usize = 100_000;

const MAX_AXIS_NAME: usize = 64;

struct Axis<'a> {
    name: &'a str,
    at: At,
    values: Vec<Field<'a>>,
}

/// All combinations, the last axis changing fastest. Without a `matrix` there is one, which chooses nothing.
pub(super) fn combinations(field: Option<&Field<'_>>) -> Vec<Vec<Choice>> {
    let Some(field) = field else { return vec![Vec::new()] };
    let Some(fields) = field.fields() else { return vec![Vec::new()] };
    if let Some(entry) = fields.entries.iter().find(|e| e.name.len() > MAX_AXIS_NAME) {
        field.problems.say(entry.at, &fields.path, format!("an axis name has at most {MAX_AXIS_NAME} characters"));
        return Vec::new();
    }
    let axes: Vec<Axis<'_>> = fields
        .entries
        .iter()
        .filter_map(|entry| {
            let special = matches!(entry.name.as_str(), "include" | "exclude");
            let at = Field { problems: field.problems, path: fields.path_of(&entry.name), node: &entry.node };
            (!special).then(|| Axis { name: &entry.name, at: entry.at, values: values(&at) })
        })
        .collect();
    let count = axes.iter().map(|a| a.values.len()).try_fold(1_usize, usize::checked_mul).unwrap_or(usize::MAX);
    if count > MAX_JOBS {
        field.say(format!("the matrix has more than {MAX_JOBS} combinations"));
        return Vec::new();
    }
    let mut rows = if axes.is_empty() { Vec::new() } else { product(&axes) };
    if let Some(exclude) = fields.get("exclude") {
        remove(&mut rows, &exclude, &axes);
    }
    if let Some(include) = fields.get("include") {
        rows.extend(added(&include));
    }
    if rows.is_empty() && field.problems.is_empty() {
        field
            .problems
            .add(field.error("the matrix leaves no job").help("give an axis: `matrix: { temperature: [2, 4] }`"));
    }
    rows
}

/// The values of an axis, each once.
fn values<'a>(field: &Field<'a>) -> Vec<Field<'a>> {
    let Some(items) = field.list() else { return Vec::new() };
    if items.is_empty() {
        field.say("an axis needs at least one value");
    }
    let mut seen = std::collections::HashSet::new();
    for item in items.iter().take_while(|item| !item.problems.is_full()) {
        if matches!(item.node.value, Value::Null) {
            item.say("an axis has values; this one is empty");
        } else if !seen.insert(item.node.to_json().to_string()) {
            item.say(format!("{} stands twice on this axis", item.found()));
        }
    }
    items
}

fn product(axes: &[Axis<'_>]) -> Vec<Vec<Choice>> {
    axes.iter().fold(vec![Vec::new()], |rows, axis| {
        let extended = |row: &Vec<Choice>| {
            let row = row.clone();
            axis.values
                .iter()
                .map(move |value| {
                    let mut longer = row.clone();
                    longer.push(choice(axis.name, axis.at, value));
                    longer
                })
                .collect::<Vec<_>>()
        };
        rows.iter().flat_map(extended).collect()
    })
}

fn choice(axis: &str, at: At, value: &Field<'_>) -> Choice {
    let text = match value.node.value {
        Value::List(_) | Value::Map(_) => value.node.to_json().to_string(),
        _ => value.spelling(),
    };
    Choice { axis: axis.to_owned(), at, node: value.node.clone(), text }
}

/// Each entry of `exclude` removes the combinations that have all of its values.
fn remove(rows: &mut Vec<Vec<Choice>>, exclude: &Field<'_>, axes: &[Axis<'_>]) {
    for entry in exclude.list().unwrap_or_default() {
        let Some(unwanted) = entry.fields() else { continue };
        let names = || axes.iter().map(|a| a.name);
        for field in unwanted.entries {
            if !names().any(|name| name == field.name) {
                let message = format!("`{}` is not an axis of this matrix", field.name);
                let error = PlanError::new(entry.problems.source, field.at, unwanted.path.clone(), message);
                entry
                    .problems
                    .add(error.suggest(nearest(&field.name, names())).help(format!("axes: {}", listed(names()))));
            }
        }
        let before = rows.len();
        rows.retain(|row| {
            !unwanted.entries.iter().all(|e| row.iter().any(|c| c.axis == e.name && same(&c.node, &e.node)))
        });
        if rows.len() == before && entry.problems.is_empty() {
            entry.say("this excludes nothing: no combination has these values");
        }
    }
}

/// Equal as values: 2 and 2.0 are.
fn same(a: &Node, b: &Node) -> bool {
    let (a, b) = (a.to_json(), b.to_json());
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

/// Each entry of `include` is one more combination, of exactly its values.
fn added(include: &Field<'_>) -> Vec<Vec<Choice>> {
    let row = |entry: &Field<'_>| {
        let fields = entry.fields()?;
        let of = |e: &super::tree::Entry| choice(&e.name, e.at, &Field { node: &e.node, ..entry.clone() });
        let short = fields.entries.iter().all(|e| e.name.len() <= MAX_AXIS_NAME);
        short.then(|| fields.entries.iter().map(of).collect())
    };
    include.list().unwrap_or_default().iter().filter_map(row).collect()
}
