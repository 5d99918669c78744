//! The plan as YAML gives it: maps, lists and scalars, each with its place in the text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::source::At;

/// A value and where it stands. Behind an alias that is where the anchored value was written: the place to mend.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub at: At,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// Any that YAML's reader takes: −2⁶³ to 2⁶⁴ − 1.
    Integer(i128),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A field of a map. Names are unique within one: the YAML reader refuses duplicates.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: String,
    /// Where the name stands.
    pub at: At,
    pub node: Node,
}

impl Node {
    /// With its article: `a list`.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.name == name).map(|e| &e.node)
    }

    /// The same without places.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Integer(i) => i64::try_from(*i).map_or_else(|_| Json::from(*i as u64), Json::from),
            Value::Number(x) => Json::from(*x),
            Value::Text(text) => Json::from(text.as_str()),
            Value::List(nodes) => nodes.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|e| (e.name.clone(), e.node.to_json())).collect(),
        }
    }

    /// Puts a value at a dotted path, making the maps on the way. A bare word on the way (`optimizer: sgd`) is understood
    /// as a map of that word.
    pub fn set(&mut self, path: &str, at: At, value: &Node) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        match &self.value {
            Value::Map(_) => {}
            Value::Text(word) => self.value = Value::Map(vec![Entry::of(word, self.at, Node::empty(self.at))]),
            _ => self.value = Value::Map(Vec::new()),
        }
        let Value::Map(entries) = &mut self.value else { unreachable!("it was just made a map") };
        let index = entries.iter().position(|e| e.name == name).unwrap_or_else(|| {
            entries.push(Entry::of(name, at, Node::empty(at)));
            entries.len() - 1
        });
        match rest {
            Some(rest) => entries[index].node.set(rest, at, value),
            None => entries[index].node = value.clone(),
        }
    }

    fn empty(at: At) -> Self {
        Self { at, value: Value::Map(Vec::new()) }
    }
}

impl Entry {
    fn of(name: &str, at: At, node: Node) -> Self {
        Self { name: name.to_owned(), at, node }
    }
}

/// A place as the YAML reader tells it. For lists and maps it knows the beginning only.
pub(crate) fn place(location: Location) -> At {
    let span = location.span();
    At {
        line: (location.line() as u32).max(1),
        column: (location.column() as u32).max(1),
        width: (span.len() as u32).max(1),
        bytes: (span.byte_offset().unwrap_or(0) as u32, span.byte_len().unwrap_or(0) as u32),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let mut at = place(spanned.defined);
        if matches!(spanned.value, Value::List(_) | Value::Map(_)) {
            at.width = 1;
        }
        Ok(Self { at, value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, node)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push(Entry { name: name.value, at: place(name.defined), node });
        }
        Ok(Value::Map(entries))
    }
}
