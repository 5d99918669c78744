//! From text to rules. Every mistake names its line, what was meant, and what may stand there.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use sweep_shared::plan::{listed, nearest};
use sweep_shared::size;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Amount, Quiet, Rule, Rules, Which};

/// What is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesError {
    /// Its path, or `agent.toml`.
    pub file: String,
    /// From 1.
    pub line: Option<usize>,
    pub message: String,
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for RulesError {}

impl RulesError {
    pub(super) fn of(self, path: &Path) -> Self {
        Self { file: path.display().to_string(), ..self }
    }
}

/// The fields of a device, and what stands there.
const FIELDS: [(&str, &str); 7] = [
    ("memory", "an amount or a share: \"6 GiB\", \"80 %\""),
    ("keep_free", "an amount or a share: \"1 GiB\", \"10 %\""),
    ("slots", "a whole number from 1 to 64"),
    ("compute", "a share from \"1 %\" to \"99 %\""),
    ("quiet", "hours, in local time: [\"22:00-06:00\", \"Mon-Fri 08:00-18:00\"]"),
    ("use", "true or false"),
    ("release_within", "a time from \"1 s\" to \"10 min\""),
];

type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the text of `agent.toml`.
pub fn parse(text: &str) -> Result<Rules, RulesError> {
    let reader = Reader { text };
    let root = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        reader.error(span, error.message().to_owned())
    })?;
    let mut sections = Vec::new();
    for (name, value) in root.get_ref() {
        if name.get_ref() != "devices" {
            return Err(reader.unknown(name.span(), name.get_ref(), &["devices"]));
        }
        let DeValue::Table(devices) = value.get_ref() else {
            return Err(reader.error(value.span(), "`devices` holds a table for each device: `[devices.0]`"));
        };
        for (which, value) in devices {
            sections.push((reader.which(which.span(), which.get_ref())?, reader.rule(value)?));
        }
    }
    Ok(Rules::new(sections))
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn error(&self, at: Range<usize>, message: impl Into<String>) -> RulesError {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        RulesError { file: "agent.toml".to_owned(), line: Some(line), message: message.into() }
    }

    fn unknown(&self, at: Range<usize>, name: &str, known: &[&str]) -> RulesError {
        let meant = nearest(name, known.iter().copied());
        let meant = meant.map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
        let allowed = listed(known.iter().copied());
        self.error(at, format!("unknown field `{name}`{meant} (allowed: {allowed})"))
    }

    fn which(&self, at: Range<usize>, name: &str) -> Result<Which, RulesError> {
        match name {
            "*" => Ok(Which::Every),
            "cpu" => Ok(Which::Cpu),
            uuid if uuid.starts_with("GPU-") => Ok(Which::Uuid(uuid.to_owned())),
            number => number.parse().map(Which::Index).map_err(|_| {
                let devices = "`[devices.cpu]`, `[devices.0]` (a GPU by its number), `[devices.GPU-8e1c]` (by the beginning \
                               of its UUID; `nvidia-smi -L` tells it) or `[devices.\"*\"]`";
                self.error(at, format!("`{name}` names no device: write {devices}"))
            }),
        }
    }

    fn rule(&self, value: &Value<'_>) -> Result<Rule, RulesError> {
        let DeValue::Table(fields) = value.get_ref() else {
            return Err(self.error(value.span(), "a device holds fields: `[devices.0]`, then `slots = 2`"));
        };
        let mut rule = Rule::default();
        for (name, value) in fields {
            match name.get_ref().as_ref() {
                "memory" => rule.memory = Some(self.amount("memory", value)?),
                "keep_free" => rule.keep_free = Some(self.amount("keep_free", value)?),
                "slots" => rule.slots = Some(self.slots(value)?),
                "compute" => rule.compute_percent = Some(self.compute(value)?),
                "quiet" => rule.quiet = Some(self.quiet(value)?),
                "use" => rule.used = Some(self.flag(value)?),
                "release_within" => rule.release_within = Some(self.span(value)?),
                other => return Err(self.unknown(name.span(), other, &FIELDS.map(|(field, _)| field))),
            }
        }
        Ok(rule)
    }

    fn expected(&self, field: &str, value: &Value<'_>, why: &str) -> RulesError {
        let what = FIELDS.iter().find(|(name, _)| *name == field).map_or("", |(_, what)| what);
        let found = self.text.get(value.span()).unwrap_or_default();
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        self.error(value.span(), format!("`{field} = {found}` is not understood{why}: write {what}"))
    }

    fn amount(&self, field: &str, value: &Value<'_>) -> Result<Amount, RulesError> {
        let DeValue::String(text) = value.get_ref() else { return Err(self.expected(field, value, "")) };
        if let Some(percent) = percent(text) {
            return if (0.0..=100.0).contains(&percent) {
                Ok(Amount::Percent(percent))
            } else {
                Err(self.expected(field, value, "a share lies between 0 % and 100 %"))
            };
        }
        size::parse(text).map(Amount::Bytes).map_err(|why| self.expected(field, value, &why.to_string()))
    }

    fn slots(&self, value: &Value<'_>) -> Result<u32, RulesError> {
        let slots = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        slots.filter(|slots| (1..=64).contains(slots)).ok_or_else(|| self.expected("slots", value, ""))
    }

    fn compute(&self, value: &Value<'_>) -> Result<u32, RulesError> {
        let share = match value.get_ref() {
            DeValue::String(text) => percent(text),
            _ => None,
        };
        let share = share.filter(|share| (1.0..=99.0).contains(share));
        share.map(|share| share.round() as u32).ok_or_else(|| self.expected("compute", value, ""))
    }

    fn flag(&self, value: &Value<'_>) -> Result<bool, RulesError> {
        if let DeValue::Boolean(flag) = value.get_ref() { Ok(*flag) } else { Err(self.expected("use", value, "")) }
    }

    fn quiet(&self, value: &Value<'_>) -> Result<Quiet, RulesError> {
        let texts = match value.get_ref() {
            DeValue::String(text) => Some(vec![text.as_ref()]),
            DeValue::Array(items) => items
                .iter()
                .map(|item| if let DeValue::String(text) = item.get_ref() { Some(text.as_ref()) } else { None })
                .collect(),
            _ => None,
        };
        let texts = texts.ok_or_else(|| self.expected("quiet", value, ""))?;
        Quiet::parse(&texts).map_err(|why| self.expected("quiet", value, &why))
    }

    fn span(&self, value: &Value<'_>) -> Result<Duration, RulesError> {
        let span = match value.get_ref() {
            DeValue::String(text) => seconds(text),
            _ => None,
        };
        let span = span.filter(|seconds| (1..=600).contains(seconds));
        span.map(Duration::from_secs).ok_or_else(|| self.expected("release_within", value, ""))
    }
}

/// `80 %`
fn percent(text: &str) -> Option<f64> {
    text.trim().strip_suffix('%')?.trim().parse().ok()
}

/// `20 s`, `2 min`
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, factor) = match text.strip_suffix("min") {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s')?, 1),
    };
    number.trim().parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, says: &[&str]) {
        let error = parse(text).unwrap_err().to_string();
        for part in says {
            assert!(error.contains(part), "{part:?} is missing in: {error}");
        }
    }

    #[test]
    fn every_field_is_read() {
        let text = "[devices.cpu]\nmemory = \"80 %\"\nkeep_free = \"512 MiB\"\nslots = 2\ncompute = \"50 %\"\n\
                    quiet = \"22:00-06:00\"\nuse = true\nrelease_within = \"2 min\"\n";
        let rules = parse(text).unwrap();
        let rule = rules.of((sweep_shared::resources::DeviceClass::Cpu, 0), "");
        assert_eq!(rule.memory, Some(Amount::Percent(80.0)));
        assert_eq!(rule.keep_free, Some(Amount::Bytes(512 << 20)));
        assert_eq!((rule.slots, rule.compute_percent, rule.used), (Some(2), Some(50), Some(true)));
        assert!(rule.quiet.is_some());
        assert_eq!(rule.release_within(), Duration::from_mins(2));
    }

    #[test]
    fn mistakes_name_their_line_and_what_was_meant() {
        refused("\n[devices.0]\nmemmory = \"6 GiB\"\n", &["agent.toml:3: unknown field `memmory`", "mean `memory`?"]);
        refused("[device.0]\n", &["agent.toml:1: unknown field `device`", "`devices`"]);
        refused("[devices.0]\nmemory = 6\n", &["agent.toml:2:", "`memory = 6`", "\"6 GiB\""]);
        refused("[devices.0]\nmemory = \"6\"\n", &["it has no unit"]);
        refused("[devices.0]\nmemory = \"120 %\"\n", &["between 0 % and 100 %"]);
        refused("[devices.0]\nslots = 0\n", &["a whole number from 1 to 64"]);
        refused("[devices.0]\ncompute = \"0 %\"\n", &["from \"1 %\" to \"99 %\""]);
        refused("[devices.0]\nuse = \"no\"\n", &["true or false"]);
        refused("[devices.0]\nrelease_within = \"soon\"\n", &["a time from"]);
        refused("[devices.gpu0]\nslots = 1\n", &["`gpu0` names no device", "`[devices.0]`"]);
        refused("devices = 3\n", &["agent.toml:1:", "`[devices.0]`"]);
        refused("[devices]\n0 = 3\n", &["agent.toml:2:", "a device holds fields"]);
        refused("[devices.0]\nquiet = \"25:00-26:00\"\n", &["`25:00`"]);
        refused("[devices.0]\nslots = 1\n[devices.0\n", &["agent.toml:3:"]);
    }
}
