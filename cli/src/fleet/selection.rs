//! What a command about launched agents is about: the hosts of a file, or Slurm.

use std::path::PathBuf;

use crate::exit::{Failure, Outcome};

/// Taken by `launch`, `status`, `logs`, `stop` and `upgrade` alike.
#[derive(Debug, clap::Args)]
pub struct Selection {
    /// File that lists the hosts (docs/fleet.md)
    #[arg(value_name = "HOSTS.YAML", value_hint = clap::ValueHint::FilePath)]
    hosts: Option<PathBuf>,
    /// Slurm's, instead; for `launch` with what to ask it for (docs/slurm.md), else with name=NAME where they have one
    #[arg(long, value_name = "SPEC", num_args = 0..=1, default_missing_value = "", conflicts_with = "hosts")]
    slurm: Option<String>,
    /// Only this host of the file, or this allocation of Slurm's; may be repeated
    #[arg(long, value_name = "HOST|ALLOCATION")]
    only: Vec<String>,
}

/// The same, understood.
pub enum Selected {
    Hosts { file: PathBuf, only: Vec<String> },
    Slurm { spec: String, only: Vec<String> },
}

impl Selection {
    pub fn understand(self) -> Outcome<Selected> {
        match (self.hosts, self.slurm) {
            (_, Some(spec)) => Ok(Selected::Slurm { spec, only: self.only }),
            (Some(file), None) => Ok(Selected::Hosts { file, only: self.only }),
            (None, None) => Err(Failure::usage("which agents? neither a file of hosts nor --slurm was named")
                .hint("a file with `hosts: [desk-2, ada@lab-3]` is enough: sweep agents launch hosts.yaml")),
        }
    }
}
