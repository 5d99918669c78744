//! The files that are written on a host, beside what is copied there. Pure.

use std::fmt::Write as _;

use sweep_shared::hosts::Settings;

use super::decide::{Decision, Launcher};
use crate::fleet::quote::quoted;

/// All of them; empty ones are not written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Starts the agent: by systemd, by its keeper, or by hand.
    pub agent: String,
    /// Starts `sweep-runner` with the host's own torch.
    pub runner: String,
    /// The unit of systemd.
    pub unit: String,
    /// `agent.toml`.
    pub rules: String,
}

pub fn write(root: &str, settings: &Settings, decision: &Decision, rules: String) -> Files {
    let unit = match decision.launcher {
        Launcher::Systemd => unit(root),
        Launcher::Detached => String::new(),
    };
    Files { agent: agent(root, settings, decision), runner: runner(root, decision), unit, rules }
}

fn agent(root: &str, settings: &Settings, decision: &Decision) -> String {
    let mut text = "#!/bin/sh\n# Starts this host's agent. Written by `sweep agents launch`; `sweep agents upgrade` writes it anew.\n".to_owned();
    let mut set = |name: &str, value: &str| {
        let _ = writeln!(text, "export {name}={}", quoted(value));
    };
    // What the user sets comes first: what is ours, and the CPU alone, hold.
    for (name, value) in &settings.env {
        set(name, value);
    }
    set("SWEEP_HOME", &format!("{root}/home"));
    set("SWEEP_COORDINATOR", &decision.coordinator);
    if let Some(slots) = settings.slots {
        set("SWEEP_SLOTS", &slots.to_string());
    }
    if decision.torch.is_some() {
        set("SWEEP_RUNNER", &format!("{root}/runner"));
    }
    if settings.cpu {
        set("CUDA_VISIBLE_DEVICES", "");
    }
    if let Some(datasets) = &settings.datasets {
        let _ = writeln!(text, "export SWEEP_DATASETS={}", place(datasets));
    }
    let token = quoted(&format!("{root}/run/join-token"));
    let _ = writeln!(text, "[ ! -f {token} ] || export SWEEP_JOIN_TOKEN_FILE={token}");
    // What it does is worth its bounded log.
    let _ = write!(text, "exec {} agent -v", quoted(&format!("{root}/current/bin/sweep")));
    for (name, value) in &settings.labels {
        let _ = write!(text, " --label {}", quoted(&format!("{name}={value}")));
    }
    text + " \"$@\"\n"
}

/// A path on the host, which may begin in the home folder there.
fn place(path: &str) -> String {
    match path.strip_prefix('~') {
        Some(rest) => format!("\"$HOME\"{}", quoted(rest)),
        None => quoted(path),
    }
}

/// Only the runner gets these libraries: a `command` may have a torch of its own.
fn runner(root: &str, decision: &Decision) -> String {
    let Some(torch) = &decision.torch else { return String::new() };
    let folders = quoted(&torch.folders.join(":"));
    let program = quoted(&format!("{root}/current/bin/sweep-runner"));
    format!(
        "#!/bin/sh\n# sweep-runner on the CUDA of torch {}. Written by `sweep agents launch`.\n\
         export LD_LIBRARY_PATH={folders}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\nexec {program} \"$@\"\n",
        torch.version
    )
}

fn unit(root: &str) -> String {
    let program = for_systemd(&format!("{root}/agent"));
    format!(
        "# Written by `sweep agents launch`; `sweep agents upgrade` writes it anew.\n\
         [Unit]\nDescription=sweep agent\nAfter=network-online.target\nStartLimitIntervalSec=0\n\n\
         [Service]\nType=notify\nExecStart={program}\nTimeoutStartSec=infinity\nWatchdogSec=120\n\
         # The agent's ends that another start would not change: its settings are wrong, or it is not let in.\n\
         Restart=on-failure\nRestartSec=5\nRestartPreventExitStatus=2 3\n\
         # It is asked to stop, and lets its jobs write checkpoints; what is left then is killed.\n\
         KillMode=mixed\nTimeoutStopSec=15min\n\
         # A control group for each attempt, and memory bounded there.\n\
         Delegate=cpu memory pids\nDelegateSubgroup=agent\nOOMPolicy=continue\nUMask=0077\n\n\
         [Install]\nWantedBy=default.target\n"
    )
}

/// A path as a unit's first word.
fn for_systemd(path: &str) -> String {
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::probe::Torch;
    use super::*;

    fn decision(launcher: Launcher, torch: Option<Torch>) -> Decision {
        Decision { launcher, coordinator: "https://desk:7433".into(), torch, notes: Vec::new() }
    }

    /// What the script starts: its arguments, then its environment.
    fn started(root: &std::path::Path, script: &str, program: &str) -> String {
        let bin = root.join("current/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(root.join("run")).unwrap();
        // By another process: a file that this one writes may be open in a child of another test, and is then no program ("text
        // file busy").
        let written = r#"printf '#!/bin/sh\necho "$#: $*"\nenv\n' > "$0"; chmod 700 "$0""#;
        assert!(Command::new("sh").args(["-c", written]).arg(bin.join(program)).status().unwrap().success());
        let output =
            Command::new("sh").args(["-c", script, "agent", "--keep", "x y"]).env("HOME", "/h").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_script_starts_the_agent_with_its_settings() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("it's a $HOME");
        let settings = Settings {
            slots: Some(3),
            cpu: true,
            datasets: Some("~/data sets".into()),
            labels: [("owner".to_owned(), "ada l.".to_owned())].into(),
            env: [("WORD".to_owned(), "`a` 'b' $c".to_owned())].into(),
            ..Settings::default()
        };
        let files = write(root.to_str().unwrap(), &settings, &decision(Launcher::Detached, None), String::new());
        let said = started(&root, &files.agent, "sweep");
        assert!(said.starts_with("6: agent -v --label owner=ada l. --keep x y\n"), "{said}");
        for line in [
            format!("SWEEP_HOME={}/home", root.display()),
            "SWEEP_COORDINATOR=https://desk:7433".into(),
            "SWEEP_SLOTS=3".into(),
            "SWEEP_DATASETS=/h/data sets".into(),
            "CUDA_VISIBLE_DEVICES=".into(),
            "WORD=`a` 'b' $c".into(),
        ] {
            assert!(said.lines().any(|said| said == line), "{line}: {said}");
        }
        assert!(!said.contains("SWEEP_JOIN_TOKEN_FILE") && !said.contains("SWEEP_RUNNER"), "{said}");
        std::fs::write(root.join("run/join-token"), "x").unwrap();
        assert!(started(&root, &files.agent, "sweep").contains("\nSWEEP_JOIN_TOKEN_FILE="));
        assert_eq!((files.unit.as_str(), files.runner.as_str()), ("", ""));
    }

    #[test]
    fn only_the_runner_gets_the_hosts_own_torch() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let torch =
            Torch { version: "2.11.0+cu130".into(), cuda: true, folders: vec!["/t a/lib".into(), "/n/lib".into()] };
        let files = write(root, &Settings::default(), &decision(Launcher::Detached, Some(torch)), String::new());
        assert!(files.agent.contains("SWEEP_RUNNER=") && !files.agent.contains("LD_LIBRARY_PATH"));
        let said = started(folder.path(), &files.runner, "sweep-runner");
        assert!(said.starts_with("2: --keep x y\n"), "{said}");
        assert!(said.lines().any(|line| line.starts_with("LD_LIBRARY_PATH=/t a/lib:/n/lib")), "{said}");
    }

    #[test]
    fn systemd_reads_the_unit() {
        let text =
            write("/data/50% \"off\" $x", &Settings::default(), &decision(Launcher::Systemd, None), String::new()).unit;
        assert!(text.contains("ExecStart=\"/data/50%% \\\"off\\\" $$x/agent\"\n"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("50% off");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("agent"), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(root.join("agent"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let unit = folder.path().join("sweep-agent.service");
        std::fs::write(&unit, self::unit(root.to_str().unwrap())).unwrap();
        // Where there is no systemd, nobody would read it.
        let Ok(output) = Command::new("systemd-analyze").args(["verify", "--user", "--man=no"]).arg(&unit).output()
        else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("sweep-agent.service"), "{said}");
    }
}
