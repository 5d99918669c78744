//! The README's two machines, word by word: each line is run on the host before its `$`, by a shell, as somebody would who has
//! nothing but the README. Hosts have names, a home folder each, and nothing else.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sweep_tests::{binary, workspace_root};

use crate::cable::Cable;
use crate::host::Host;
use crate::needs;
use crate::process::Process;
use crate::world::{A, B, COORDINATOR};

const HOSTS: [(&str, Ipv4Addr); 3] = [("desk", COORDINATOR), ("gpu-1", A), ("laptop", B)];

/// `scp FILE HOST:`, where the hosts' homes lie side by side.
const SCP: &str = "#!/bin/sh\nexec cp \"$1\" \"$HOMES/${2%:}/\"\n";
/// A host's own name, and everybody's addresses.
const SHELL: &str =
    r#"echo "$1" > /proc/sys/kernel/hostname && mount --bind "$HOMES/hosts" /etc/hosts && exec sh -c "$2""#;

struct Office {
    hosts: BTreeMap<&'static str, Host>,
    homes: tempfile::TempDir,
    _cable: Cable,
}

impl Office {
    fn new() -> Self {
        let (homes, cable) = (tempfile::tempdir().unwrap(), Cable::new().unwrap());
        let mut hosts = BTreeMap::new();
        let mut names = "127.0.0.1 localhost\n".to_owned();
        for (name, address) in HOSTS {
            names += &format!("{address} {name}\n");
            let host = Host::boot(address).unwrap();
            cable.plug(address, Arc::clone(&host.tun));
            hosts.insert(name, host);
            fs::create_dir(homes.path().join(name)).unwrap();
            let plan = workspace_root().join("tests/plans/mini.yaml");
            fs::copy(plan, homes.path().join(name).join("plan.yaml")).unwrap();
        }
        fs::write(homes.path().join("hosts"), names).unwrap();
        fs::create_dir(homes.path().join("bin")).unwrap();
        fs::write(homes.path().join("bin/scp"), SCP).unwrap();
        fs::set_permissions(homes.path().join("bin/scp"), Permissions::from_mode(0o755)).unwrap();
        Self { hosts, homes, _cable: cable }
    }

    fn home(&self, host: &str) -> PathBuf {
        self.homes.path().join(host)
    }

    fn shell(&self, host: &str, line: &str) -> Command {
        let mut command = self.hosts[host].command(Path::new("unshare"));
        command.args(["--mount", "--uts", "sh", "-c", SHELL, "sh", host, line]);
        let bin = binary("sweep");
        let path =
            format!("{}:{}:/usr/bin:/bin", self.homes.path().join("bin").display(), bin.parent().unwrap().display());
        command.env_clear().env("PATH", path).env("HOME", self.home(host)).env("HOMES", self.homes.path());
        command.current_dir(self.home(host));
        command
    }
}

/// Host, command, and whether it stays.
fn commands() -> Vec<(String, String, bool)> {
    let readme = fs::read_to_string(workspace_root().join("README.md")).unwrap();
    let section = readme.split("\n## Two machines\n").nth(1).expect("the section").split("\n## ").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).filter(|line| !line.is_empty());
    let read = |line: &str| {
        let (host, command) = line.split_once('$').unwrap_or_else(|| panic!("no host before {line:?}"));
        let (command, stays) = match command.split_once('#') {
            Some((command, why)) => (command, why.trim() == "stays"),
            None => (command, false),
        };
        (host.trim().to_owned(), command.trim().to_owned(), stays)
    };
    lines.map(read).collect()
}

#[test]
fn the_readmes_two_machines_are_set_up_in_under_ten_commands() {
    if !needs::met("the README's two machines") {
        return;
    }
    let (office, commands) = (Office::new(), commands());
    let set_up = commands.iter().position(|(_, command, _)| command.starts_with("sweep submit")).unwrap() + 1;
    assert!(set_up < 10, "{commands:?}");
    let mut staying = Vec::new();
    for (host, command, stays) in &commands {
        let process = Process::start(&format!("{host}$ {command}"), office.shell(host, command));
        if *stays {
            process.said.wait_for("https://desk:7433");
            staying.push(process);
            continue;
        }
        let (status, said) = process.finish();
        let others = || staying.iter().map(|process| process.said.all().join("\n")).collect::<Vec<_>>().join("\n---\n");
        assert!(status.success(), "{host}$ {command}\n{status}\n{said}\n--- meanwhile:\n{}", others());
        if command.starts_with("sweep results") {
            assert!(said.contains("accuracy"), "{said}");
        }
    }
}
