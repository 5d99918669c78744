//! What a host says of itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::script::Answer;

/// The agent that was brought up there, as the host sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub process: Process,
    /// `systemd` or `detached`.
    pub launcher: Option<String>,
    pub since: Option<SystemTime>,
    pub restarts: u64,
    /// What it was started as: program and settings.
    pub started_as: Option<String>,
    pub version: Option<String>,
    /// Its id at the coordinator.
    pub agent: Option<String>,
    /// The last that it said, where it runs no more.
    pub words: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Process {
    /// Nothing was ever started there.
    #[default]
    Never,
    Running,
    /// As somebody wanted.
    Stopped,
    Gone,
}

impl State {
    pub fn of(answer: &Answer) -> Self {
        let process = match answer.get("process") {
            Some("running") => Process::Running,
            Some("stopped") => Process::Stopped,
            Some(_) => Process::Gone,
            None => Process::Never,
        };
        let text = |name| answer.get(name).map(str::to_owned);
        Self {
            process,
            launcher: text("launcher"),
            since: answer.number("since").map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
            restarts: answer.number("restarts").unwrap_or(0),
            started_as: text("as"),
            version: text("version"),
            agent: text("agent"),
            words: answer.all("word").map(str::to_owned).collect(),
        }
    }

    pub fn runs(&self) -> bool {
        self.process == Process::Running
    }
}

/// A torch that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torch {
    /// `2.11.0+cu130`.
    pub version: String,
    pub cuda: bool,
    /// Its libraries; and those of the nvidia packages beside it.
    pub folders: Vec<String>,
}

/// All that is asked of a host before anything is done to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probe {
    pub system: String,
    pub arch: String,
    /// `glibc 2.36`; `None`: another C library.
    pub glibc: Option<String>,
    /// How much its clock is ahead of ours, in seconds.
    pub ahead_s: i64,
    /// The address from which we came there.
    pub peer: Option<String>,
    /// What our own host's name means there.
    pub resolved: Option<String>,
    /// Programs that every host has and this one lacks.
    pub lacking: Vec<String>,
    /// The folder for all that is put there.
    pub root: String,
    pub writable: bool,
    /// The file system's kind, as `stat` calls it.
    pub disk: String,
    pub free_bytes: Option<u64>,
    /// NVIDIA's, as it calls itself.
    pub driver: Option<String>,
    pub torches: Vec<Torch>,
    /// There is a systemd that runs things for this user, also when nobody is logged in.
    pub lingers: bool,
    pub systemd: bool,
    /// An agent there has a certificate.
    pub joined: bool,
    pub state: State,
}

impl Probe {
    /// `None`: it was cut off in the middle.
    pub fn of(answer: &Answer, now: SystemTime) -> Option<Self> {
        let text = |name| answer.get(name).unwrap_or_default().to_owned();
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        answer.get("root")?;
        Some(Self {
            system: text("system"),
            arch: text("arch"),
            glibc: answer.get("glibc").map(str::to_owned),
            ahead_s: answer.number("time").map_or(0, |time| time as i64 - now),
            peer: answer.get("peer").map(str::to_owned),
            resolved: answer.get("resolved").map(str::to_owned),
            lacking: answer.all("lacking").map(str::to_owned).collect(),
            root: text("root"),
            writable: answer.is("writable"),
            disk: text("disk"),
            free_bytes: answer.number("free_kib").map(|kib| kib * 1024),
            driver: answer.get("driver").map(str::to_owned),
            torches: answer.all("torch").filter_map(|line| torch(line, answer)).collect(),
            lingers: answer.is("linger"),
            systemd: answer.is("systemd"),
            joined: answer.is("joined"),
            state: State::of(answer),
        })
    }
}

/// `2.11.0+cu130 cuda /opt/conda/lib/python3.12/site-packages/torch/lib`
fn torch(line: &str, answer: &Answer) -> Option<Torch> {
    let (version, rest) = line.split_once(' ')?;
    let (kind, folder) = rest.split_once(' ')?;
    let beside = format!("nvidia:{folder}");
    let folders = std::iter::once(folder).chain(answer.all(&beside)).map(str::to_owned).collect();
    Some(Torch { version: version.to_owned(), cuda: kind == "cuda", folders })
}

#[cfg(test)]
mod tests {
    use super::super::script::{Script, tests::run};
    use super::*;

    fn probe_here(home: &std::path::Path, given_torch: &str) -> Probe {
        let script = Script::new(include_str!("scripts/probe.sh"), "");
        let script = script.with("coordinator_host", "localhost").with("given_torch", given_torch);
        let (answer, said) = run(&script, home, b"");
        Probe::of(&answer, SystemTime::now()).unwrap_or_else(|| panic!("{said}"))
    }

    #[test]
    fn this_machine_is_seen_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let probe = probe_here(home.path(), "");
        assert_eq!((probe.system.as_str(), probe.arch.as_str()), ("Linux", std::env::consts::ARCH));
        assert_eq!(probe.root, home.path().join(".local/share/sweep-agent").display().to_string());
        assert!(probe.writable && probe.free_bytes.unwrap() > 0 && !probe.disk.is_empty(), "{probe:?}");
        assert!(probe.ahead_s.abs() < 3600 && probe.lacking.is_empty() && !probe.joined, "{probe:?}");
        assert!(probe.resolved.is_some() && probe.glibc.unwrap().starts_with("glibc 2."));
        assert_eq!(probe.state, State::default());
    }

    #[test]
    fn a_torch_is_found_without_being_loaded() {
        let home = tempfile::tempdir().unwrap();
        let site = home.path().join("venv/site packages");
        std::fs::create_dir_all(site.join("torch/lib")).unwrap();
        std::fs::create_dir_all(site.join("nvidia/cudnn/lib")).unwrap();
        std::fs::write(site.join("torch/version.py"), "__version__ = '2.11.0+cu130'\ndebug = False\n").unwrap();
        let cpu = probe_here(home.path(), "~/venv/site packages/torch");
        assert_eq!((cpu.torches[0].version.as_str(), cpu.torches[0].cuda), ("2.11.0+cu130", false));
        std::fs::write(site.join("torch/lib/libtorch_cuda.so"), "").unwrap();
        let cuda = probe_here(home.path(), "~/venv/site packages/torch");
        let lib = site.join("torch/lib").display().to_string();
        let nvidia = site.join("torch/../nvidia/cudnn/lib").display().to_string();
        assert_eq!((cuda.torches[0].cuda, cuda.torches[0].folders.clone()), (true, vec![lib, nvidia]));
        assert!(probe_here(home.path(), "~/nowhere").torches.is_empty());
    }
}
