//! A cluster with a coordinator on its login node, for one story.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sweep_tests::binary;
use tempfile::TempDir;

use crate::cluster::{ADDRESS, Cluster, tail};
use crate::lines::Lines;
use crate::needs;
use crate::process::Process;
use crate::runners;

/// Dropped, it takes every process with it.
pub struct Lab {
    coordinator: Process,
    pub cluster: Cluster,
    /// What the runners say: `epoch j1.1 n1 2`; and `gone j1.1 n1` once no process of the attempt is left.
    pub said: Arc<Lines>,
    logs: Vec<Process>,
    folder: TempDir,
}

impl Lab {
    /// Slurm and a coordinator, and no agent. `None`, and why, where this machine cannot have it.
    pub fn new(story: &str) -> Option<Self> {
        Self::listening(story, ADDRESS)
    }

    pub fn listening(story: &str, address: &str) -> Option<Self> {
        if !needs::met(story) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let said = Lines::new("the runners");
        runners::listen(folder.path(), &said);
        // Every node's jobs are told where they are, and the agents tell what a story waits for.
        let setup = "export STORY_HOST=$SLURMD_NODENAME\nexport SWEEP_LOG=info,sweep_worker=debug\n";
        fs::write(folder.path().join("setup.sh"), setup).unwrap();
        let cluster = Cluster::new(&folder.path().join("slurm"));
        let mut command = sweep(&cluster, folder.path().join("home"));
        command.args(["serve", "--reconnect-grace", "2s", "--listen", &format!("{address}:7433")]);
        let coordinator = Process::start("the coordinator", command);
        coordinator.said.wait_for(" serves http");
        Some(Self { coordinator, cluster, said, logs: Vec::new(), folder })
    }

    /// A user's command on the login node, to its end.
    pub fn user(&self, args: &[&str]) -> (Option<i32>, String) {
        let (status, said) = self.start(args).finish();
        (status.code(), said)
    }

    pub fn start(&self, args: &[&str]) -> Process {
        let mut command = sweep(&self.cluster, self.folder.path().join("home"));
        command.args(args);
        Process::start(&format!("sweep {}", args.join(" ")), command)
    }

    /// A user's command that succeeds with a JSON document.
    pub fn json(&self, args: &[&str]) -> Value {
        let (code, said) = self.user(&[args, &["--json"]].concat());
        assert_eq!(code, Some(0), "sweep {args:?}: {said}");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("sweep {args:?}: {error}: {said}"))
    }

    /// With what every story asks for besides.
    pub fn spec(&self, text: &str) -> String {
        let folder = self.folder.path().display();
        format!("partition=lab,folder={folder}/fleet,setup={folder}/setup.sh,{text}")
    }

    pub fn launch(&self, text: &str) -> String {
        let (code, said) = self.user(&["agents", "launch", "--slurm", &self.spec(text)]);
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// What an allocation's script and agent say.
    pub fn log(&mut self, allocation: &str) -> Arc<Lines> {
        let log = tail(&self.folder.path().join(format!("fleet/logs/{allocation}.log")));
        let said = Arc::clone(&log.said);
        self.logs.push(log);
        said
    }

    /// The id that the agent of an allocation made for itself.
    pub fn agent_id(&self, allocation: &str) -> String {
        let path = self.folder.path().join(format!("fleet/agents/{allocation}/agent/agent.json"));
        let stored: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        stored["agent"].as_str().unwrap().to_owned()
    }

    /// Kills the agent of an allocation, which gets no chance to say anything.
    pub fn kill_agent(&self, allocation: &str) {
        let home = format!("SWEEP_HOME={}", self.file(&format!("fleet/agents/{allocation}")).display());
        let is_agent = |pid: &i32| {
            let words = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            words("cmdline").contains("\0agent\0") && words("environ").split('\0').any(|entry| entry == home)
        };
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let found: Vec<i32> = pids.filter(is_agent).collect();
        assert_eq!(found.len(), 1, "one agent of allocation {allocation}");
        kill(Pid::from_raw(found[0]), Signal::SIGKILL).unwrap();
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn submit(&self, stages: &[(&str, &str)]) {
        self.submit_text(&runners::plan(self.folder.path(), 1000, stages));
    }

    pub fn submit_text(&self, plan: &str) {
        let path = self.file("plan.yaml");
        fs::write(&path, plan).unwrap();
        let (code, said) = self.user(&["submit", path.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{said}");
    }

    pub fn order(&self, attempt: &str, orders: &[&str]) {
        runners::order(self.folder.path(), attempt, orders);
    }

    /// Waits until the latest sweep is over, and answers the exit code of whoever watched it.
    pub fn watched(&self) -> Option<i32> {
        self.user(&["watch", "-q"]).0
    }

    /// How each attempt at a job ended: `["interrupted", "succeeded"]`.
    pub fn attempts(&self, job: &str) -> Vec<String> {
        let status = self.json(&["status", job]);
        let attempts = status["jobs"][0]["attempts"].as_array().unwrap_or_else(|| panic!("no attempts: {status}"));
        attempts.iter().map(|attempt| attempt["state"].as_str().unwrap().to_owned()).collect()
    }

    /// Which attempt trained each epoch of the recorded point: `["1 j1.1", "2 j1.2"]`.
    pub fn trail(&self, stage: &str) -> Vec<String> {
        let results = self.json(&["results"]);
        let points: Vec<&Value> = results.as_array().unwrap().iter().filter(|point| point["stage"] == stage).collect();
        assert_eq!(points.len(), 1, "one point, once: {results}");
        let path = points[0]["files"][0]["path"].as_str().unwrap_or_else(|| panic!("no file: {results}"));
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let processes = self.logs.iter().chain([&self.coordinator]).map(|process| &process.said);
        for lines in processes.chain([&self.said]) {
            eprintln!("--- {} said:\n{}", lines.name, lines.all().join("\n"));
        }
        eprintln!("{}", self.cluster.slurm(&["scontrol", "show", "jobs"]));
    }
}

fn sweep(cluster: &Cluster, home: PathBuf) -> Command {
    let mut command = cluster.network.command(binary("sweep"));
    command.env("SWEEP_HOME", home).env_remove("SWEEP_COORDINATOR").env("SLURM_CONF", cluster.conf());
    command
}
