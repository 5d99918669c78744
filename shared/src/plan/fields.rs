//! Reading typed fields out of the tree. A reader that meets something wrong notes it and answers `None`, the caller goes
//! on with the default, and so one reading of a plan finds all its mistakes.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use super::error::PlanError;
use super::policy;
use super::source::{At, Problems, Sort};
use super::suggest::{listed, nearest};
use super::tree::{Entry, Node, Value};

/// The fields of one map. What was not asked for by name until [`Fields::finish`] is unknown.
pub(crate) struct Fields<'a> {
    pub problems: &'a Problems<'a>,
    /// Dotted, for messages.
    pub path: String,
    pub at: At,
    pub entries: &'a [Entry],
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    /// Notes an error if the node is not a map.
    pub fn of(problems: &'a Problems<'a>, node: &'a Node, path: &str) -> Option<Self> {
        Field { problems, path: path.to_owned(), node }.fields()
    }

    pub fn get(&self, name: &'static str) -> Option<Field<'a>> {
        if !self.known.borrow().contains(&name) {
            self.known.borrow_mut().push(name);
        }
        let entry = self.entries.iter().find(|e| e.name == name)?;
        Some(Field { problems: self.problems, path: self.path_of(name), node: &entry.node })
    }

    /// As [`Fields::get`]; notes an error where the field is missing.
    pub fn require(&self, name: &'static str, help: &str) -> Option<Field<'a>> {
        let field = self.get(name);
        if field.is_none() {
            let message = format!("`{name}` is missing");
            self.problems.add(PlanError::new(self.problems.source, self.at, self.path_of(name), message).help(help));
        }
        field
    }

    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes an error for each field that nobody asked for.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for entry in self.entries.iter().filter(|e| !known.contains(&e.name.as_str())) {
            self.problems.add(self.unknown(entry, &known));
        }
    }

    fn unknown(&self, entry: &Entry, known: &[&'static str]) -> PlanError {
        let message = format!("unknown field `{}`", entry.name);
        let error = PlanError::new(self.problems.source, entry.at, self.path_of(&entry.name), message)
            .suggest(nearest(&entry.name, known.iter().copied()));
        let of_optimizer = matches!(entry.name.as_str(), "lr" | "learning_rate" | "momentum" | "weight_decay");
        if of_optimizer && known.contains(&"optimizer") {
            return error.help("this belongs to the optimizer: `optimizer: { sgd: { lr: 0.05 } }`");
        }
        if let Some(place) = misplaced(&entry.name, &self.path) {
            return error.help(place);
        }
        error.help(format!("allowed: {}", listed(known.iter().copied())))
    }
}

/// Where a field belongs that is right elsewhere.
fn misplaced(name: &str, path: &str) -> Option<String> {
    if !policy::FIELDS.contains(&name) {
        return None;
    }
    let mut parts = path.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(""), None, _) => Some(format!("for all stages: `defaults: {{ {name}: … }}`; for one: in the stage")),
        (Some("stages"), Some(stage), Some(kind)) => {
            Some(format!("this belongs to the stage: `{stage}: {{ {kind}: {{ … }}, {name}: … }}`"))
        }
        _ => None,
    }
}

/// One field's value.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    pub problems: &'a Problems<'a>,
    pub path: String,
    pub node: &'a Node,
}

/// Bounds of a number.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub low: f64,
    pub high: f64,
    /// Whether the bound itself is allowed.
    pub low_in: bool,
    pub high_in: bool,
}

impl Bounds {
    pub const fn closed(low: f64, high: f64) -> Self {
        Self { low, high, low_in: true, high_in: true }
    }

    /// `low` itself is not allowed.
    pub const fn above(low: f64, high: f64) -> Self {
        Self { low, high, low_in: false, high_in: true }
    }

    /// Neither end is allowed.
    pub const fn between(low: f64, high: f64) -> Self {
        Self { low, high, low_in: false, high_in: false }
    }

    /// `high` itself is not allowed.
    pub const fn below(low: f64, high: f64) -> Self {
        Self { low, high, low_in: true, high_in: false }
    }

    fn hold(self, x: f64) -> bool {
        (x > self.low || self.low_in && x == self.low) && (x < self.high || self.high_in && x == self.high)
    }

    fn in_words(self) -> String {
        let note = |inside: bool| if inside { "" } else { " (excluded)" };
        format!("a number from {}{} to {}{}", self.low, note(self.low_in), self.high, note(self.high_in))
    }
}

impl<'a> Field<'a> {
    /// An error about this value.
    pub fn error(&self, message: impl Into<String>) -> PlanError {
        PlanError::new(self.problems.source, self.node.at, self.path.clone(), message)
    }

    pub fn say(&self, message: impl Into<String>) {
        self.problems.add(self.error(message));
    }

    /// The value as the author wrote it, or what sort of value it is.
    pub fn found(&self) -> String {
        match &self.node.value {
            Value::Null | Value::List(_) | Value::Map(_) => self.node.kind().to_owned(),
            Value::Text(text) if text.is_empty() => "an empty text".to_owned(),
            _ => format!("`{}`", self.spelling()),
        }
    }

    /// A scalar as the author wrote it: `1e-3`, not 0.001.
    pub fn spelling(&self) -> String {
        match &self.node.value {
            Value::Text(text) => text.clone(),
            _ => self.problems.source.spelling(self.node.at).unwrap_or_default().to_owned(),
        }
    }

    /// Notes that something else was expected.
    fn refuse(&self, expected: &str) {
        let error = self.error(format!("expected {expected}, found {}", self.found()));
        let name = self.path.rsplit('.').next().unwrap_or_default();
        let several = self.problems.source.sort == Sort::Plan
            && matches!(self.node.value, Value::List(_))
            && !expected.contains("list");
        self.problems.add(if several {
            error.help(format!("for several values of one parameter: `matrix: {{ {name}: […] }}`"))
        } else {
            error
        });
    }

    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let value = match self.node.value {
            Value::Integer(i) => u64::try_from(i).ok(),
            _ => None,
        };
        let value = value.filter(|v| range.contains(v));
        if value.is_none() {
            let (low, high) = range.into_inner();
            let bounds = if high == u64::MAX { format!("of {low} or more") } else { format!("from {low} to {high}") };
            self.refuse(&format!("a whole number {bounds}"));
        }
        value
    }

    /// A whole number that may be negative.
    pub fn signed(&self, range: RangeInclusive<i32>) -> Option<i32> {
        let value = match self.node.value {
            Value::Integer(i) => i32::try_from(i).ok(),
            _ => None,
        };
        let value = value.filter(|v| range.contains(v));
        if value.is_none() {
            self.refuse(&format!("a whole number from {} to {}", range.start(), range.end()));
        }
        value
    }

    /// As [`Field::integer`], for ranges that lie in 32 bits.
    pub fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        self.integer(u64::from(*range.start())..=u64::from(*range.end())).map(|v| v as u32)
    }

    pub fn number(&self, bounds: Bounds) -> Option<f64> {
        let value = match self.node.value {
            Value::Integer(i) => Some(i as f64),
            Value::Number(x) => Some(x),
            _ => None,
        };
        let value = value.filter(|v| bounds.hold(*v));
        if value.is_none() {
            self.refuse(&bounds.in_words());
        }
        value
    }

    pub fn flag(&self) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.refuse("`true` or `false`");
        None
    }

    /// Text that is not empty and has no control characters.
    pub fn text(&self) -> Option<&'a str> {
        if let Value::Text(text) = &self.node.value
            && !text.is_empty()
            && !text.contains(char::is_control)
        {
            return Some(text);
        }
        self.refuse("text");
        None
    }

    /// One of a closed set of words. `planned` are words that a later version will know.
    pub fn word<T: Copy>(&self, words: &[(&'static str, T)], planned: &[&str]) -> Option<T> {
        let found = match &self.node.value {
            Value::Text(text) => text.as_str(),
            _ => "",
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == found) {
            return Some(*value);
        }
        let allowed = listed(words.iter().map(|(word, _)| *word));
        if planned.contains(&found) {
            self.problems.add(
                self.error(format!("`{found}` is not available in this version")).help(format!("available: {allowed}")),
            );
        } else if found.is_empty() {
            self.refuse(&allowed);
        } else {
            let error =
                self.error(format!("unknown word `{found}`")).suggest(nearest(found, words.iter().map(|(w, _)| *w)));
            self.problems.add(error.help(format!("allowed: {allowed}")));
        }
        None
    }

    pub fn list(&self) -> Option<Vec<Field<'a>>> {
        if let Value::List(nodes) = &self.node.value {
            let item = |node| Field { problems: self.problems, path: self.path.clone(), node };
            return Some(nodes.iter().map(item).collect());
        }
        self.refuse("a list");
        None
    }

    pub fn fields(&self) -> Option<Fields<'a>> {
        if let Value::Map(entries) = &self.node.value {
            let known = RefCell::default();
            return Some(Fields { problems: self.problems, path: self.path.clone(), at: self.node.at, entries, known });
        }
        self.refuse("a map of fields");
        None
    }

    /// A choice with parameters, written as a word (`sgd`) or as a map of one field (`sgd: { lr: 0.1 }`). Gives the word, its
    /// place and, where there is one, the field with its parameters.
    pub fn choice(&self, words: &[&'static str]) -> Option<(&'static str, Option<Field<'a>>)> {
        let (name, at, inner) = match &self.node.value {
            Value::Text(name) => (name, self.node.at, None),
            Value::Map(entries) if entries.len() == 1 => (&entries[0].name, entries[0].at, Some(&entries[0].node)),
            _ => {
                self.refuse(&format!("one of {}", listed(words.iter().copied())));
                return None;
            }
        };
        if let Some(word) = words.iter().find(|w| **w == name.as_str()) {
            let path = format!("{}.{name}", self.path);
            return Some((*word, inner.map(|node| Field { problems: self.problems, path, node })));
        }
        let error = PlanError::new(self.problems.source, at, self.path.clone(), format!("unknown word `{name}`"));
        let error = error.suggest(nearest(name, words.iter().copied()));
        self.problems.add(error.help(format!("allowed: {}", listed(words.iter().copied()))));
        None
    }
}
