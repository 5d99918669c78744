//! A coordinator, an agent, and the cards that a story gives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use sweep_tests::{Home, PATIENCE, Talking, text, workspace_root};
use tempfile::TempDir;

/// Leases of this length make the agent report its devices every second.
const LEASE: &str = "12s";

/// A card: its UUID, and MiB.
pub const SMALL: &str = "gpu GPU-aaaa small 8192";
pub const SECOND: &str = "gpu GPU-bbbb second 8192";

pub struct Lab {
    pub home: Home,
    agent: Option<Talking>,
    coordinator: Option<Talking>,
    strangers: Vec<Child>,
}

impl Lab {
    /// An agent with these cards and what else the story says, and with this `agent.toml`.
    pub fn open(story: &[&str], rules: &str, slots: u32) -> Self {
        Self::open_with(story, rules, slots, &[])
    }

    /// With more in the agent's environment.
    pub fn open_with(story: &[&str], rules: &str, slots: u32, environment: &[(&str, &str)]) -> Self {
        let mut lab = Self { home: Home::new(), agent: None, coordinator: None, strangers: Vec::new() };
        fs::create_dir(lab.home.file("home")).unwrap();
        lab.rule(rules);
        lab.tell(story);
        let mut coordinator = Talking::start(lab.home.sweep().args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--lease",
            LEASE,
            "--reconnect-grace",
            LEASE,
        ]));
        coordinator.wait_for(|line| line.contains("http://127.0.0.1:"));
        lab.coordinator = Some(coordinator);
        let mut agent = lab.home.sweep();
        agent.args(["agent", "--slots", &slots.to_string()]);
        agent.env("LD_LIBRARY_PATH", library()).env("FAKE_NVML", lab.home.file("story"));
        agent.env_remove("CUDA_VISIBLE_DEVICES").envs(environment.iter().copied());
        lab.agent = Some(Talking::start(&mut agent));
        lab.until("the agent is connected", || lab.agents()[0]["connected"].as_bool().unwrap_or(false).then_some(()));
        lab
    }

    /// What the cards are like from now on.
    pub fn tell(&self, story: &[&str]) {
        let (new, place) = (self.home.file("story.new"), self.home.file("story"));
        fs::write(&new, story.join("\n")).unwrap();
        fs::rename(new, place).unwrap();
    }

    /// What `agent.toml` says from now on.
    pub fn rule(&self, rules: &str) {
        let (new, place) = (self.home.file("home/agent.toml.new"), self.home.file("home/agent.toml"));
        fs::write(&new, rules).unwrap();
        fs::rename(new, place).unwrap();
    }

    /// Somebody else's process of this name; it lives as long as the lab.
    pub fn stranger(&mut self, name: &str) -> u32 {
        let program = self.home.file(name);
        fs::copy("/bin/sleep", &program).unwrap();
        let child = Command::new(&program).arg("600").stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        self.strangers.push(child);
        let comm = PathBuf::from(format!("/proc/{pid}/comm"));
        self.until("it has become its program", || fs::read_to_string(&comm).ok().filter(|comm| comm.trim() == name));
        pid
    }

    /// Makes a named pipe that a job waits at or tells something through.
    pub fn pipe(&self, name: &str) -> PathBuf {
        let path = self.home.file(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    pub fn submit(&self, stages: &str) {
        let plan = self.home.plan(&format!("name: story\nmeasure: false\nstages:\n{stages}"));
        let submitted = self.home.run(&["submit", plan.to_str().unwrap()]);
        assert_eq!(submitted.status.code(), Some(0), "{}", text(&submitted));
    }

    /// Waits for the sweep's end, which must be a good one.
    pub fn all_is_done(&self) {
        let watched = self.home.run(&["watch"]);
        assert_eq!(watched.status.code(), Some(0), "{}", text(&watched));
    }

    pub fn agents(&self) -> Value {
        let agents = self.home.json(&["agents"]);
        if agents.as_array().is_some_and(|agents| !agents.is_empty()) { agents } else { serde_json::json!([{}]) }
    }

    /// The agent's GPUs as the coordinator last heard.
    pub fn gpus(&self) -> Vec<Value> {
        let devices = self.agents()[0]["devices"].as_array().cloned().unwrap_or_default();
        devices.into_iter().filter(|device| device["class"] == "cuda").collect()
    }

    pub fn job(&self, stage: &str) -> Value {
        let status = self.home.json(&["status"]);
        status["jobs"].as_array().unwrap().iter().find(|job| job["stage"] == stage).cloned().expect("such a job")
    }

    pub fn until_job(&self, stage: &str, state: &str) -> Value {
        self.until(&format!("{stage} is {state}"), || Some(self.job(stage)).filter(|job| job["state"] == state))
    }

    /// What `sweep explain` says of the stage's job.
    pub fn explain(&self, stage: &str) -> Value {
        self.home.json(&["explain", self.job(stage)["id"].as_str().unwrap()])
    }

    /// Waits until `sweep explain` gives a reason with all these words.
    pub fn explains(&self, stage: &str, words: &[&str]) -> String {
        let wanted = |reason: &&Value| words.iter().all(|word| reason.as_str().unwrap_or_default().contains(word));
        let found = || {
            let explained = self.explain(stage);
            let reasons = explained["reasons"].as_array().cloned().unwrap_or_default();
            reasons.iter().find(wanted).map(|reason| reason.as_str().unwrap_or_default().to_owned())
        };
        self.until_or(&format!("explain says {words:?}"), found, || format!("{:#}", self.explain(stage)))
    }

    /// The audit log's rows of a kind.
    pub fn events(&self, what: &str) -> Vec<String> {
        let events = self.home.json(&["events", "--limit", "500"]);
        let rows = events.as_array().cloned().unwrap_or_default();
        let of = |row: &Value| (row["what"] == what).then(|| row["detail"].as_str().unwrap_or_default().to_owned());
        rows.iter().filter_map(of).collect()
    }

    pub fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        self.until_or(what, look, String::new)
    }

    /// Looks again and again: the cards' story has no bell that could be waited for.
    fn until_or<T>(&self, what: &str, look: impl Fn() -> Option<T>, otherwise: impl Fn() -> String) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}\n{}\n{:#}", otherwise(), self.agents());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Jobs of a story that failed need not write anything.
        self.agent.iter().for_each(|agent| agent.signal("-TERM"));
        for process in [self.agent.take(), self.coordinator.take()].into_iter().flatten() {
            process.signal("-TERM");
            process.finish();
        }
        for mut child in self.strangers.drain(..) {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// A job that takes this much of its card, tells that it has, and goes on when it is let go.
pub fn holding(mib: u64, here: &Path, go: &Path) -> String {
    format!("echo {mib} > gpu-$$; echo here > {}; read go < {}", here.display(), go.display())
}

/// A stage for the card, as a line of the plan.
pub fn stage(name: &str, memory: &str, script: &str) -> String {
    let script = script.replace('\'', "''");
    format!("  {name}:\n    command: {{ run: [/bin/sh, -c, '{script}'] }}\n    device: cuda\n    memory: {memory}\n")
}

/// Waits until the job tells that it is here.
pub fn arrived(pipe: &Path) {
    assert_eq!(fs::read_to_string(pipe).unwrap().trim(), "here");
}

/// Lets a job go.
pub fn go(pipe: &Path) {
    fs::write(pipe, "go\n").unwrap();
}

/// The folder of the library, which is compiled once.
fn library() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = workspace_root().join("tests/devices/nvml/nvml.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut command = Command::new(&compiler);
        command.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]);
        command.arg(folder.path().join("libnvidia-ml.so.1")).arg(source).arg("-lpthread");
        let made = command.output().unwrap_or_else(|error| panic!("{compiler} (a C compiler) cannot be run: {error}"));
        assert!(made.status.success(), "{}", text(&made));
        folder
    });
    made.path()
}
