//! What agents say of themselves beside their devices, and what a plan's `where` asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::resources::{Device, DeviceClass};

/// Known of every agent without being said.
pub const HOST: &str = "host";
/// Known of every GPU: its model.
pub const GPU: &str = "gpu";
/// Labels of one agent.
pub const MOST: usize = 64;
/// Characters of a name or a value.
const LONGEST: usize = 63;

/// An agent's labels: `room=b12`, `owner=ada`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(pub BTreeMap<String, String>);

/// One label, as the command line takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub name: String,
    pub value: String,
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| format!("`{text}` is no label: expected NAME=VALUE, like room=b12"))?;
        if let Some(why) = wrong_name(name) {
            return Err(format!("`{name}` cannot name a label: {why}"));
        }
        if matches!(name, HOST | GPU) {
            return Err(format!("`{name}` cannot be set: it is known of every agent"));
        }
        if let Some(why) = wrong_value(value) {
            return Err(format!("`{value}` cannot be the label {name}: {why}"));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// Letters, digits and `-_.`, the first a letter or digit.
pub fn wrong_name(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > LONGEST {
        Some("it has 1 to 63 characters")
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(plain) {
        Some("letters, digits, `-`, `_` and `.`, the first a letter or digit")
    } else {
        None
    }
}

/// Anything that fits into one line of a table and into a list with commas.
pub fn wrong_value(value: &str) -> Option<&'static str> {
    if value.is_empty() || value.chars().count() > LONGEST {
        Some("it has 1 to 63 characters")
    } else if value.trim() != value || value.chars().any(|c| c.is_control() || c == ',') {
        Some("no commas, no control characters, no spaces at its ends")
    } else {
        None
    }
}

impl Labels {
    /// Of several, each name once.
    pub fn collect(labels: impl IntoIterator<Item = Label>) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for Label { name, value } in labels {
            if let Some(other) = all.insert(name.clone(), value.clone())
                && other != value
            {
                return Err(format!("the label {name} is given twice, as {other} and as {value}"));
            }
        }
        if all.len() > MOST {
            return Err(format!("{} labels; {MOST} are the limit", all.len()));
        }
        Ok(Self(all))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `room=b12, owner=ada`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A device, as far as plans may ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spot {
    /// Of its agent.
    pub host: String,
    pub labels: Labels,
    /// A GPU's model; `None`: a CPU.
    pub gpu: Option<String>,
}

impl Spot {
    pub fn new(host: &str, labels: &Labels, device: &Device) -> Self {
        Self::of(host, labels, (device.class == DeviceClass::Cuda).then_some(device.name.as_str()))
    }

    /// `gpu`: its model.
    pub fn of(host: &str, labels: &Labels, gpu: Option<&str>) -> Self {
        Self { host: host.to_owned(), labels: labels.clone(), gpu: gpu.map(str::to_owned) }
    }
}

/// Where a job may run: of each name, one of the values. `host` and `gpu` are known of every agent and device, the rest are
/// agents' labels. Empty: anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Placement(pub BTreeMap<String, BTreeSet<String>>);

impl Placement {
    pub fn is_anywhere(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a device there will do.
    pub fn allows(&self, spot: &Spot) -> bool {
        self.0.iter().all(|(name, values)| match name.as_str() {
            GPU => spot.gpu.as_ref().is_some_and(|gpu| values.iter().any(|model| is_model(model, gpu))),
            HOST => values.contains(&spot.host),
            _ => spot.labels.0.get(name).is_some_and(|value| values.contains(value)),
        })
    }

    /// As a database keeps it: the same text for the same places; empty: anywhere.
    pub fn to_text(&self) -> String {
        if self.is_anywhere() { String::new() } else { serde_json::to_string(self).expect("maps of text are JSON") }
    }

    /// What [`Self::to_text`] wrote. A text that is not of that kind asks for what no agent has, so that its jobs wait and say so.
    pub fn of_text(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let unreadable = || Self(BTreeMap::from([(HOST.to_owned(), BTreeSet::new())]));
        serde_json::from_str(text).unwrap_or_else(|_| unreadable())
    }
}

/// `room: b12 or b13, gpu: a100`.
impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, values)) in self.0.iter().enumerate() {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            write!(f, "{}{name}: {}", if at == 0 { "" } else { ", " }, values.join(" or "))?;
        }
        Ok(())
    }
}

/// Whether the words of `model` stand in the GPU's name one after the other, whatever their case: `rtx 3090` in
/// `NVIDIA GeForce RTX 3090`, `a100` in `NVIDIA A100-SXM4-80GB`.
fn is_model(model: &str, gpu: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let (model, gpu) = (words(model), words(gpu));
    !model.is_empty() && gpu.windows(model.len()).any(|part| part == model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Result<Labels, String> {
        Labels::collect(texts.iter().map(|text| text.parse()).collect::<Result<Vec<Label>, _>>()?)
    }

    fn places(of: &[(&str, &[&str])]) -> Placement {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Placement(of.iter().map(|(name, all)| ((*name).to_owned(), values(all))).collect())
    }

    #[test]
    fn labels_are_names_with_values() {
        assert_eq!(labels(&["room=b12", "owner=Ada L."]).unwrap().to_string(), "owner=Ada L., room=b12");
        for (wrong, why) in [
            ("room", "expected NAME=VALUE"),
            ("=b12", "1 to 63 characters"),
            ("-r=b12", "the first a letter or digit"),
            ("room=", "1 to 63 characters"),
            ("room=a,b", "no commas"),
            ("host=desk", "it is known of every agent"),
        ] {
            let said = labels(&[wrong]).unwrap_err();
            assert!(said.contains(why), "{wrong}: {said}");
        }
        assert!(labels(&["room=a", "room=b"]).unwrap_err().contains("twice, as a and as b"));
        assert!(labels(&["room=a", "room=a"]).is_ok());
    }

    fn spot(host: &str, of: &[&str], gpu: Option<&str>) -> Spot {
        Spot::of(host, &labels(of).unwrap(), gpu)
    }

    #[test]
    fn each_name_must_have_one_of_its_values() {
        let may = |places: &Placement| places.allows(&spot("desk", &["room=b12", "fast=yes"], None));
        assert!(may(&Placement::default()) && may(&places(&[("room", &["b12", "b13"]), ("host", &["desk"])])));
        assert!(!may(&places(&[("room", &["b13"])])) && !may(&places(&[("host", &["other"])])));
        assert!(!may(&places(&[("room", &["b12"]), ("rack", &["7"])])));
    }

    #[test]
    fn gpus_are_known_by_words_of_their_names() {
        let models = places(&[("gpu", &["a100", "RTX 3090"])]);
        let may = |gpu| models.allows(&spot("desk", &[], gpu));
        assert!(may(Some("NVIDIA A100-SXM4-80GB")) && may(Some("NVIDIA GeForce RTX 3090 Ti")));
        assert!(!may(Some("NVIDIA A10")) && !may(Some("RTX A1000")) && !may(None));
        assert!(!places(&[("gpu", &["-"])]).allows(&spot("desk", &[], Some("NVIDIA - X"))));
    }

    #[test]
    fn places_come_back_from_their_text() {
        let two = places(&[("room", &["b13", "b12"]), ("gpu", &["a100"])]);
        assert_eq!(Placement::of_text(&two.to_text()), two);
        assert_eq!(two.to_string(), "gpu: a100, room: b12 or b13");
        assert_eq!((Placement::default().to_text(), Placement::of_text("")), (String::new(), Placement::default()));
        assert!(!Placement::of_text("{").allows(&spot("", &[], None)));
    }
}
