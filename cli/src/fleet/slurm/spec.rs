//! What is asked of Slurm: `partition=gpu,gres=gpu:1,time=08:00:00,count=4`, as a value.

use std::str::FromStr;
use std::time::Duration;

use sweep_shared::plan::nearest;

use super::limit;
use super::size::Size;
use crate::exit::{Failure, Outcome};
use crate::settings::{Span, Stay};

/// A fleet of agents in Slurm's hands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// What its jobs are called in Slurm, and its folder.
    pub name: String,
    /// Options of `sbatch` with their values, in the order of [`REQUESTS`].
    pub request: Vec<(&'static str, String)>,
    pub size: Size,
    /// Jobs at once per GPU, else per allocation.
    pub slots: Option<u32>,
    /// How long an agent that has nothing to do stays.
    pub idle: Stay,
    /// How long before the time limit an agent begins to write checkpoints.
    pub lead: Duration,
    pub labels: Vec<String>,
    /// A file with lines of shell that are run on the node first.
    pub setup: Option<String>,
    /// Where everything of the fleet lies, on a disk that all nodes share.
    pub folder: Option<String>,
    pub datasets: Option<String>,
    pub scratch: Option<String>,
    /// The program `sweep` as the nodes find it.
    pub sweep: Option<String>,
    /// The coordinator as the nodes reach it.
    pub coordinator: Option<String>,
    /// The login node as `ssh` knows it, where this is run elsewhere; and a configuration for it.
    pub via: Option<String>,
    pub ssh_config: Option<String>,
}

/// Keys that are passed on to Slurm: its option, and whether the value may hold commas.
const REQUESTS: &[(&str, &str, bool)] = &[
    ("partition", "--partition", true),
    ("account", "--account", false),
    ("qos", "--qos", false),
    ("reservation", "--reservation", true),
    ("constraint", "--constraint", false),
    ("nodelist", "--nodelist", true),
    ("exclude", "--exclude", true),
    ("gres", "--gres", true),
    ("gpus", "--gpus", false),
    ("cpus", "--cpus-per-task", false),
    ("mem", "--mem", false),
    ("licenses", "--licenses", true),
    ("time", "--time", false),
];

/// Keys that are sweep's own.
const OWN: &[&str] = &[
    "name",
    "count",
    "min",
    "max",
    "slots",
    "idle",
    "lead",
    "label",
    "setup",
    "folder",
    "datasets",
    "scratch",
    "sweep",
    "coordinator",
    "via",
    "ssh_config",
];

const NAME: &str = "sweep-agents";
const IDLE: Duration = Duration::from_mins(10);
/// An agent gives its jobs two minutes to write a checkpoint, which then has to be uploaded; and Slurm may signal a minute early.
const LEAD: Duration = Duration::from_mins(5);

const HELP: &str = "docs/slurm.md lists what can be said; like this: \
    --slurm partition=gpu,gres=gpu:1,time=08:00:00,count=4";

impl FromStr for Spec {
    type Err = Failure;

    fn from_str(text: &str) -> Outcome<Self> {
        let mut spec = Self {
            name: NAME.to_owned(),
            request: Vec::new(),
            size: Size::default(),
            slots: None,
            idle: Stay(Some(IDLE)),
            lead: LEAD,
            labels: Vec::new(),
            setup: None,
            folder: None,
            datasets: None,
            scratch: None,
            sweep: None,
            coordinator: None,
            via: None,
            ssh_config: None,
        };
        let mut said: Vec<&str> = Vec::new();
        let (mut count, mut min, mut max) = (None, None, None);
        for (key, value) in words(text)? {
            if said.contains(&key) && key != "label" {
                return Err(wrong(format!("{key} is said twice")));
            }
            said.push(key);
            plain(key, &value)?;
            match key {
                "name" => spec.name = named(value)?,
                "count" => count = Some(number(key, &value, 1)?),
                "min" => min = Some(number(key, &value, 0)?),
                "max" => max = Some(number(key, &value, 1)?),
                "slots" => spec.slots = Some(number(key, &value, 1)?),
                "idle" => spec.idle = value.parse().map_err(|_| time_expected(key, &value, "10m, or never"))?,
                "lead" => {
                    spec.lead = value.parse::<Span>().map_err(|_| time_expected(key, &value, "5m"))?.0;
                }
                "label" => spec.labels.push(value),
                "setup" => spec.setup = Some(value),
                "folder" => spec.folder = Some(absolute(key, value)?),
                "datasets" => spec.datasets = Some(absolute(key, value)?),
                "scratch" => spec.scratch = Some(absolute(key, value)?),
                "sweep" => spec.sweep = Some(absolute(key, value)?),
                "coordinator" => spec.coordinator = Some(value),
                "via" if value.starts_with('-') => return Err(wrong(format!("via={value} is no host's name"))),
                "via" => spec.via = Some(value),
                "ssh_config" => spec.ssh_config = Some(value),
                _ => {
                    let (.., option, _) = REQUESTS.iter().find(|request| request.0 == key).expect("words() knows it");
                    spec.request.push((option, value));
                }
            }
        }
        spec.request.sort_by_key(|(option, _)| REQUESTS.iter().position(|request| request.1 == *option));
        spec.size = Size::new(count, min, max).map_err(wrong)?;
        spec.check_times()?;
        Ok(spec)
    }
}

impl Spec {
    fn requested(&self, option: &str) -> Option<&str> {
        self.request.iter().find(|(known, _)| *known == option).map(|(_, value)| value.as_str())
    }

    /// Jobs that one allocation runs at once.
    pub fn jobs_each(&self) -> u32 {
        let gres = self.requested("--gres").into_iter().flat_map(|gres| gres.split(','));
        let gpus: u32 = gres.filter(|gres| gres.split(':').next() == Some("gpu")).map(counted).sum();
        let gpus = if gpus > 0 { gpus } else { self.requested("--gpus").map_or(1, counted) };
        gpus.max(1) * self.slots.unwrap_or(1)
    }

    /// What the other commands have to be told to find this fleet; empty where nothing.
    pub fn handle(&self) -> String {
        let name = (self.name != NAME).then_some(&self.name);
        let said = [
            ("name", name),
            ("folder", self.folder.as_ref()),
            ("via", self.via.as_ref()),
            ("ssh_config", self.ssh_config.as_ref()),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        said.collect::<Vec<_>>().join(",")
    }

    fn check_times(&self) -> Outcome<()> {
        // Slurm knows seconds up to 65535.
        if !(1..=65_535).contains(&self.lead.as_secs()) {
            return Err(wrong(format!("lead={} is not between 1s and 18h", Span(self.lead))));
        }
        let Some(text) = self.requested("--time") else { return Ok(()) };
        let time = limit::parse(text).ok_or_else(|| {
            wrong(format!("time={text} is no time as Slurm writes it: 30 (minutes), 08:00:00, 2-00 (days-hours)"))
        })?;
        if time.is_some_and(|time| time <= self.lead) {
            return Err(wrong(format!(
                "time={text} leaves nothing to work in: {} before the limit the agents write checkpoints (lead=)",
                Span(self.lead)
            )));
        }
        Ok(())
    }
}

/// How many a `gpu:2`, `gpu:a100:2`, `2` or `a100:2` asks for.
fn counted(text: &str) -> u32 {
    text.rsplit(':').next().and_then(|last| last.parse().ok()).unwrap_or(1)
}

/// Keys and values. What has no `=` belongs to the value before, where that may be a list.
fn words(text: &str) -> Outcome<Vec<(&str, String)>> {
    let known = || REQUESTS.iter().map(|request| request.0).chain(OWN.iter().copied());
    let mut words: Vec<(&str, String)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((key, value)) = part.split_once('=') else {
            let list = |key| REQUESTS.iter().any(|request| request.0 == key && request.2);
            match words.last_mut().filter(|(key, _)| list(*key)) {
                Some((_, value)) => *value = format!("{value},{part}"),
                None => return Err(wrong(format!("{part:?} says nothing: it takes the form key=value"))),
            }
            continue;
        };
        if !known().any(|name| name == key) {
            let failure = wrong(format!("{key:?} is nothing that can be asked for"));
            return Err(match nearest(key, known()) {
                Some(near) => failure.hint(format!("did you mean {near}=? {HELP}")),
                None => failure,
            });
        }
        words.push((key, value.to_owned()));
    }
    Ok(words)
}

fn wrong(what: impl AsRef<str>) -> Failure {
    Failure::usage(format!("--slurm: {}", what.as_ref())).hint(HELP)
}

/// What is put into the batch script must mean the same to Slurm, to the shell and to a reader.
fn plain(key: &str, value: &str) -> Outcome<()> {
    let odd = value.chars().find(|c| !(c.is_ascii_graphic() && !"\"'`\\#$%;<>~".contains(*c)));
    match odd {
        _ if value.is_empty() => Err(wrong(format!("{key}= has no value"))),
        Some(odd) => Err(wrong(format!("{key}={value}: {odd:?} cannot stand there"))),
        None => Ok(()),
    }
}

fn named(value: String) -> Outcome<String> {
    let fits = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fits || value.starts_with(['-', '.']) || value.len() > 60 {
        return Err(wrong(format!("name={value}: letters, digits, - _ and . make a name, 60 at most")));
    }
    Ok(value)
}

fn number(key: &str, value: &str, least: u32) -> Outcome<u32> {
    let number = value.parse().ok().filter(|n| (least..=10_000).contains(n));
    number.ok_or_else(|| wrong(format!("{key}={value} is no number from {least} to 10000")))
}

fn absolute(key: &str, value: String) -> Outcome<String> {
    if value.starts_with('/') {
        return Ok(value);
    }
    Err(wrong(format!("{key}={value} is not a whole path: the nodes look for it from /")))
}

fn time_expected(key: &str, value: &str, example: &str) -> Failure {
    wrong(format!("{key}={value} is not a time like {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        text.parse().unwrap_or_else(|failure: Failure| panic!("{text}: {}", failure.text()))
    }

    fn refused(text: &str) -> String {
        text.parse::<Spec>().unwrap_err().text()
    }

    #[test]
    fn what_slurm_is_asked_for_stands_in_one_order() {
        let spec = spec("count=4,time=08:00:00,gres=gpu:1,partition=gpu");
        let request = [("--partition", "gpu"), ("--gres", "gpu:1"), ("--time", "08:00:00")];
        assert_eq!(spec.request, request.map(|(option, value)| (option, value.to_owned())));
        assert_eq!((spec.name.as_str(), spec.size), ("sweep-agents", Size { first: 4, min: 0, max: 4 }));
        assert_eq!((spec.idle.to_string().as_str(), Span(spec.lead).to_string().as_str()), ("10m", "5m"));
    }

    #[test]
    fn lists_go_on_after_a_comma_and_labels_add_up() {
        let spec = spec("partition=gpu,long,gres=gpu:a100:2,shard:1,label=gpu=a100,label=room=b12,slots=2");
        assert_eq!(spec.requested("--partition"), Some("gpu,long"));
        assert_eq!(spec.requested("--gres"), Some("gpu:a100:2,shard:1"));
        assert_eq!(spec.labels, ["gpu=a100", "room=b12"]);
        assert_eq!(spec.jobs_each(), 4);
    }

    #[test]
    fn jobs_at_once_follow_the_gpus() {
        for (text, jobs) in [("", 1), ("gres=gpu:3", 3), ("gres=gpu", 1), ("gpus=2", 2), ("gpus=a100:2,slots=3", 6)] {
            assert_eq!(spec(text).jobs_each(), jobs, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_what_was_meant() {
        let cases = [
            ("partitoin=gpu", "did you mean partition="),
            ("count", "key=value"),
            ("account=a,b", "\"b\" says nothing"),
            ("count=0", "from 1"),
            ("count=many", "count=many"),
            ("count=2,count=3", "said twice"),
            ("min=3,max=2", "min=3"),
            ("time=8h", "08:00:00"),
            ("time=5", "leaves nothing"),
            ("lead=0s", "not between 1s and"),
            ("idle=soon", "10m"),
            ("name=../x", "name="),
            ("folder=here", "whole path"),
            ("partition=", "no value"),
            ("partition=gpu x", "' '"),
            ("setup=/a;rm", "';'"),
            ("qos=$(x)", "'$'"),
            ("via=-oProxyCommand=x", "no host's name"),
        ];
        for (text, wanted) in cases {
            let said = refused(text);
            assert!(said.contains(wanted) && said.contains("hint:"), "{text}: {said}");
        }
    }

    #[test]
    fn a_fleet_is_found_again_by_little() {
        assert_eq!(spec("partition=gpu,count=4").handle(), "");
        assert_eq!(spec("count=4,via=login,folder=/shared/x,name=big").handle(), "name=big,folder=/shared/x,via=login");
    }

    #[test]
    fn a_limit_of_no_limit_needs_no_time_before_it() {
        assert_eq!(spec("time=UNLIMITED").requested("--time"), Some("UNLIMITED"));
        assert_eq!(spec("time=2,lead=30s").lead, Duration::from_secs(30));
    }
}
