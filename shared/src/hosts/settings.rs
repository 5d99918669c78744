//! What can be said of a host, in its own entry or in `defaults`.

use std::collections::BTreeMap;

use crate::labels::Label;
use crate::plan::error::PlanError;
use crate::plan::fields::{Field, Fields};
use crate::spec::is_variable_name;

/// `None` and empty: nothing was said, and what `sweep agent` does by itself holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub port: Option<u16>,
    /// A private key's file, on this machine.
    pub identity: Option<String>,
    /// Jobs at once.
    pub slots: Option<u32>,
    /// The folder on the host that holds all that is put there.
    pub home: Option<String>,
    /// Data sets on the host.
    pub datasets: Option<String>,
    /// On the host: a Python with torch, or torch's own folder.
    pub torch: Option<String>,
    /// Leave its GPUs alone.
    pub cpu: bool,
    pub labels: BTreeMap<String, String>,
    /// Environment of the agent and its jobs.
    pub env: BTreeMap<String, String>,
    /// An `agent.toml` on this machine that is put there.
    pub rules: Option<String>,
}

/// Reads the fields that are there; the others stay as `defaults` has them.
pub fn read(fields: &Fields<'_>, defaults: &Settings) -> Settings {
    let text = |name| fields.get(name).and_then(|field| field.text().map(str::to_owned));
    let path = |name| fields.get(name).and_then(|field| remote_path(&field));
    Settings {
        port: fields.get("port").and_then(|field| field.count(1..=65_535)).map(|port| port as u16).or(defaults.port),
        identity: text("identity").or_else(|| defaults.identity.clone()),
        slots: fields.get("slots").and_then(|field| field.count(1..=1024)).or(defaults.slots),
        home: path("home").or_else(|| defaults.home.clone()),
        datasets: path("datasets").or_else(|| defaults.datasets.clone()),
        torch: path("torch").or_else(|| defaults.torch.clone()),
        cpu: fields.get("cpu").and_then(|field| field.flag()).unwrap_or(defaults.cpu),
        labels: map(fields, "labels", &defaults.labels, wrong_label),
        env: map(fields, "env", &defaults.env, wrong_variable),
        rules: text("rules").or_else(|| defaults.rules.clone()),
    }
}

/// A folder on the host, where no current folder says what a relative one means.
fn remote_path(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if text.starts_with('/') || text == "~" || text.starts_with("~/") {
        return Some(text.to_owned());
    }
    let error = field.error(format!("`{text}` is no place on the host"));
    field.problems.add(error.help("write it from the root (/data/sweep) or from the home folder there (~/sweep)"));
    None
}

/// A map of words, added to that of the defaults.
fn map(
    fields: &Fields<'_>,
    name: &'static str,
    defaults: &BTreeMap<String, String>,
    wrong: fn(&str, &str) -> Option<String>,
) -> BTreeMap<String, String> {
    let mut all = defaults.clone();
    let Some(inner) = fields.get(name).and_then(|field| field.fields()) else { return all };
    for entry in inner.entries {
        let field = Field { problems: inner.problems, path: inner.path_of(&entry.name), node: &entry.node };
        let value = match field.node.kind() {
            "nothing" | "a list" | "a map" => {
                field.say(format!("expected text, found {}", field.found()));
                continue;
            }
            _ => field.spelling(),
        };
        if let Some(why) = wrong(&entry.name, &value) {
            inner.problems.add(PlanError::new(inner.problems.source, entry.at, field.path, why));
        }
        all.insert(entry.name.clone(), value);
    }
    all
}

fn wrong_label(name: &str, value: &str) -> Option<String> {
    format!("{name}={value}").parse::<Label>().err()
}

/// Set for the agent by the launcher itself.
const OURS: [&str; 4] = ["SWEEP_HOME", "SWEEP_COORDINATOR", "SWEEP_JOIN_TOKEN", "SWEEP_JOIN_TOKEN_FILE"];

fn wrong_variable(name: &str, value: &str) -> Option<String> {
    if !is_variable_name(name) {
        return Some(format!("`{name}` is no name of a variable"));
    }
    if OURS.contains(&name) {
        return Some(format!("`{name}` is set by `sweep agents launch` itself"));
    }
    value.contains(['\n', '\0']).then(|| format!("the value of `{name}` has more than one line"))
}
