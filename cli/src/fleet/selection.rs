//! What a command about launched agents is about: the hosts of a file, or Slurm.

use std::path::PathBuf;

use crate::exit::{Failure, Outcome};

/// Taken by `launch`, `status`, `logs`, `stop` and `upgrade` alike.
#[derive(Debug, clap::Args)]
pub struct Selection {
    /// File that lists the hosts (docs/fleet.md)
    #[arg(value_name = "HOSTS.YAML", value_hint = clap::ValueHint::FilePath)]
    hosts: Option<PathBuf>,
    /// Of the file's hosts only this one; may be repeated
    #[arg(long, value_name = "HOST")]
    only: Vec<String>,
}

/// The same, understood.
pub enum Selected {
    Hosts { file: PathBuf, only: Vec<String> },
}

impl Selection {
    pub fn understand(self) -> Outcome<Selected> {
        match self.hosts {
            Some(file) => Ok(Selected::Hosts { file, only: self.only }),
            None => Err(Failure::usage("which agents? no file of hosts was named")
                .hint("sweep agents launch hosts.yaml; docs/fleet.md shows such a file")),
        }
    }
}
