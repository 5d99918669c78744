//! Agents on hosts that are reached by SSH.
//!
//! `roster` reads the file of hosts. `remote` runs a `script` (POSIX sh, those in `scripts/`) on a host through the system's
//! ssh; `trouble` says what a failure means. For each host, `host`
//! goes the whole way: `probe` (what is it?), `decide` (what is done there, or why not: pure), `bundle` and `copy` (what it
//! lacks of this program and its libraries), `files` (what is written there: pure), start, and waiting for the coordinator to
//! see the agent. `crew` does that on all hosts at once, with a line for each (`board`); `standing` is the table afterwards.
//!
//! On a host all lies in one folder (docs/fleet.md). What starts the agent is a unit of the user's systemd, or a keeper
//! ([`crate::fleet::keep`]) where there is none that goes on without a session.

mod board;
mod bundle;
mod copy;
mod crew;
mod decide;
mod files;
mod host;
mod probe;
mod remote;
mod roster;
mod script;
mod standing;
mod stop;
mod trouble;

use std::path::{Path, PathBuf};

pub use crew::{launch, stop_all};
pub use remote::OPTIONS;
pub use standing::{logs, status};

/// A path on this machine that a file of hosts names: relative to it, or beginning in the home folder.
fn local_path(folder: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => folder.join(path),
    }
}
