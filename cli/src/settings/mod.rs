//! Settings: flags over `SWEEP_*` variables over `sweep.toml` over defaults.
//!
//! `resolve` is a pure function of the four; each value remembers where it came from, so that `sweep config show` can
//! tell. `catalogue` describes each, `mistakes` knows what misspelt ones were meant to be. The file is `SWEEP_HOME/sweep.toml`, or the one that `SWEEP_CONFIG` names; it cannot move `home`, in which it
//! lies. The token itself never becomes a setting: it is read where it is used and shown nowhere. What people are told, and by which servers, is a table of its own in the file (`notify`).

mod artifacts;
pub mod catalogue;
mod file;
pub mod mistakes;
mod notify;
mod resolve;
mod stay;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use artifacts::Artifacts;
pub use notify::Notify;
pub use resolve::{Flags, read};
pub use stay::Stay;
pub use sweep_shared::span::Span;

use sweep_coordinator::{Retention, Tls};
use sweep_shared::labels::Labels;

/// Where a coordinator listens and is looked for, if nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7433";

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Everything that can be set outside a command's own flags.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Holds the database, artifacts, results, and everything else that is kept.
    pub home: Setting<PathBuf>,
    /// The coordinator to talk to; `None`: the one that runs on `home`.
    pub coordinator: Setting<Option<String>>,
    /// The file with the token for `coordinator`; `None`: `home`'s own.
    pub token_file: Setting<Option<PathBuf>>,
    /// Where `sweep serve` listens.
    pub listen: Setting<SocketAddr>,
    /// Whether it speaks TLS there.
    pub tls: Setting<Tls>,
    /// Further names and addresses of the coordinator's host, for its certificate.
    pub names: Setting<Vec<String>>,
    /// The file with what an agent joins with.
    pub join_token_file: Setting<Option<PathBuf>>,
    /// How long `sweep serve` lets an agent be silent before others may have its jobs.
    pub lease: Setting<Span>,
    /// The same for an agent whose connection was closed.
    pub reconnect_grace: Setting<Span>,
    /// How long an agent lets a job write its checkpoint, from SIGTERM on, before it kills it.
    pub grace: Setting<Span>,
    /// How long a job may at least tell of no progress before an agent judges it hung.
    pub patience: Setting<Span>,
    /// Where an agent has the values of secrets; `None`: in its own folder.
    pub secrets: Setting<Option<PathBuf>>,
    /// Jobs an agent runs at once; `None`: as many as fit its devices.
    pub slots: Setting<Option<u32>>,
    /// What an agent says of itself, for the `where` of plans.
    pub labels: Setting<Labels>,
    /// An agent leaves when it had nothing to do for so long.
    pub leave_when_idle: Setting<Stay>,
    /// Where an agent runs jobs and caches files; `None`: in its own folder.
    pub scratch: Setting<Option<PathBuf>>,
    /// Where an agent keeps data sets.
    pub datasets: Setting<PathBuf>,
    /// Where an agent asks for published weights; `None`: at their publishers'.
    pub weights_url: Setting<Option<String>>,
    /// `sweep-runner`; `None`: the one beside `sweep`, else the one on PATH.
    pub runner: Setting<Option<PathBuf>>,
    /// Where artifacts are kept.
    pub artifacts: Artifacts,
    /// How long things stay after their jobs' end: checkpoints of jobs that did not succeed, logs of those that did, files of points.
    pub keep_checkpoints: Setting<Stay>,
    pub keep_logs: Setting<Stay>,
    pub keep_points: Setting<Stay>,
    /// Sessions on the page for browsers end when they were not used for so long, and in any case after so long.
    pub page_idle: Setting<Span>,
    pub page_absolute: Setting<Span>,
    /// Who is told of what.
    pub notify: Notify,
}

impl Settings {
    /// Name, value (`None` where nothing is set) and origin of each, for `sweep config show`.
    pub fn rows(&self) -> Vec<(&'static str, Option<String>, &Origin)> {
        let path = |p: &PathBuf| p.display().to_string();
        let own = vec![
            ("home", Some(path(&self.home.value)), &self.home.origin),
            ("coordinator", self.coordinator.value.clone(), &self.coordinator.origin),
            ("token_file", self.token_file.value.as_ref().map(path), &self.token_file.origin),
            ("listen", Some(self.listen.value.to_string()), &self.listen.origin),
            ("tls", Some(self.tls.value.as_str().to_owned()), &self.tls.origin),
            ("names", Some(self.names.value.join(", ")).filter(|names| !names.is_empty()), &self.names.origin),
            ("join_token_file", self.join_token_file.value.as_ref().map(path), &self.join_token_file.origin),
            ("lease", Some(self.lease.value.to_string()), &self.lease.origin),
            ("reconnect_grace", Some(self.reconnect_grace.value.to_string()), &self.reconnect_grace.origin),
            ("grace", Some(self.grace.value.to_string()), &self.grace.origin),
            ("patience", Some(self.patience.value.to_string()), &self.patience.origin),
            ("secrets", self.secrets.value.as_ref().map(path), &self.secrets.origin),
            ("slots", self.slots.value.map(|n| n.to_string()), &self.slots.origin),
            ("labels", Some(self.labels.value.to_string()).filter(|labels| !labels.is_empty()), &self.labels.origin),
            ("leave_when_idle", Some(self.leave_when_idle.value.to_string()), &self.leave_when_idle.origin),
            ("scratch", self.scratch.value.as_ref().map(path), &self.scratch.origin),
            ("datasets", Some(path(&self.datasets.value)), &self.datasets.origin),
            ("weights_url", self.weights_url.value.clone(), &self.weights_url.origin),
            ("runner", self.runner.value.as_ref().map(path), &self.runner.origin),
        ];
        let later = vec![
            ("retention.checkpoints", Some(self.keep_checkpoints.value.to_string()), &self.keep_checkpoints.origin),
            ("retention.logs", Some(self.keep_logs.value.to_string()), &self.keep_logs.origin),
            ("retention.points", Some(self.keep_points.value.to_string()), &self.keep_points.origin),
            ("page.idle", Some(self.page_idle.value.to_string()), &self.page_idle.origin),
            ("page.absolute", Some(self.page_absolute.value.to_string()), &self.page_absolute.origin),
        ];
        own.into_iter().chain(self.artifacts.rows()).chain(later).chain(self.notify.rows()).collect()
    }

    /// What a coordinator keeps of work that is over.
    pub fn retention(&self) -> Retention {
        Retention {
            checkpoints: self.keep_checkpoints.value.0,
            logs: self.keep_logs.value.0,
            points: self.keep_points.value.0,
        }
    }
}
