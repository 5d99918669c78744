//! The file of hosts that `sweep agents launch` brings agents up on: `hosts.yaml` (docs/fleet.md).
//!
//! It is read with what reads plans, so that a mistake is told in the same way: with its line, what may stand there, and the
//! nearest word. Nothing here does I/O, and nothing is believed of the hosts: that is what their probe is for.

mod names;
mod read;
mod settings;

pub use read::read;
pub use settings::Settings;

use crate::plan::PlanErrors;

/// A file of hosts, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// The coordinator as the hosts reach it; `None`: as we reach it.
    pub coordinator: Option<String>,
    /// The configuration of OpenSSH to use instead of the user's own.
    pub ssh_config: Option<String>,
    /// At least one; no two of one name.
    pub hosts: Vec<Host>,
}

/// One host, with the file's defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// What it is called in lines and tables.
    pub name: String,
    /// As `ssh` takes it: `desk-2`, `ada@lab-3`. Never begins with a dash.
    pub destination: String,
    pub settings: Settings,
}

/// What is wrong with such a file, told as of a plan.
pub type HostsErrors = PlanErrors;
