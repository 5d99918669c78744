//! The file of hosts on this machine, and what is the same for all of them.

use std::path::{Path, PathBuf};

use sweep_shared::hosts::{self, Fleet, Host};
use sweep_shared::plan::{listed, nearest};

use super::local_path;
use super::remote::Ssh;
use crate::exit::{Failure, Outcome};

pub struct Roster {
    pub fleet: Fleet,
    /// Whatever the file names lies beside it.
    pub folder: PathBuf,
}

impl Roster {
    /// Reads the file; `only` these of its hosts, if any are named.
    pub fn read(file: &Path, only: &[String]) -> Outcome<Self> {
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::usage(format!("cannot read the file of hosts {shown}: {error}"))
                .hint("it lists hosts as ssh calls them:  hosts: [desk-2, ada@lab-3]  (docs/fleet.md)")
        })?;
        let mut fleet = hosts::read(&text, &shown).map_err(|errors| Failure::usage(errors.to_string()))?;
        if !only.is_empty() {
            keep(&mut fleet.hosts, only, &shown)?;
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { fleet, folder: folder.to_owned() })
    }

    pub fn ssh(&self) -> Outcome<Ssh> {
        let config = self.fleet.ssh_config.as_deref().map(|path| local_path(&self.folder, path));
        if let Some(missing) = config.as_deref().filter(|path| !path.is_file()) {
            return Err(Failure::usage(format!("there is no configuration of ssh at {}", missing.display())).hint(
                "`ssh_config:` in the file of hosts names it, relative to that file; without it, your own is used",
            ));
        }
        Ssh::new(config, &self.folder)
    }

    /// The text of a host's `agent.toml`; empty where none is put there.
    pub fn rules(&self, host: &Host) -> Outcome<String> {
        let Some(named) = &host.settings.rules else { return Ok(String::new()) };
        let path = local_path(&self.folder, named);
        std::fs::read_to_string(&path).map_err(|error| {
            Failure::usage(format!("cannot read {}, which `rules:` of {} names: {error}", path.display(), host.name))
        })
    }
}

fn keep(hosts: &mut Vec<Host>, only: &[String], file: &str) -> Outcome<()> {
    let is = |host: &Host, name: &String| host.name == *name || host.destination == *name;
    if let Some(unknown) = only.iter().find(|name| !hosts.iter().any(|host| is(host, name))) {
        let names = || hosts.iter().map(|host| host.name.as_str());
        let failure = Failure::usage(format!("{file} lists no host {unknown:?}"));
        return Err(match nearest(unknown, names()) {
            Some(meant) => failure.hint(format!("did you mean {meant}?")),
            None => failure.hint(format!("it lists {}", listed(names().take(10)).replace(" or ", " and "))),
        });
    }
    hosts.retain(|host| only.iter().any(|name| is(host, name)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_are_listed_can_be_meant() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts.yaml");
        std::fs::write(&file, "hosts: [desk-2, ada@lab-3]\nssh_config: nowhere\n").unwrap();
        let only = |names: &[&str]| Roster::read(&file, &names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(only(&[]).unwrap().fleet.hosts.len(), 2);
        assert_eq!(only(&["ada@lab-3"]).unwrap().fleet.hosts[0].name, "lab-3");
        assert!(only(&["lab-4"]).err().unwrap().text().contains("did you mean lab-3?"));
        assert!(only(&["other-machine"]).err().unwrap().text().contains("`desk-2` and `lab-3`"));
        assert!(only(&[]).unwrap().ssh().err().unwrap().text().contains("ssh_config"));
        let missing = Roster::read(&folder.path().join("none.yaml"), &[]).err().unwrap().text();
        assert!(missing.contains("none.yaml") && missing.contains("hosts: [desk-2"), "{missing}");
    }
}
