//! A coordinator and an agent with folders of their own, and a user.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use sweep_tests::{Home, Talking, text};

use crate::faults::Disk;

pub struct Site {
    pub home: Home,
    coordinator: Option<Talking>,
    agent: Option<Talking>,
    /// What the coordinator's and the agent's disk do.
    pub disk: Disk,
    pub agents_disk: Disk,
}

/// A job that says that it has begun, and ends when it is told to; and one after it.
const PLAN: &str = "name: disks
stages:
  first: { command: { run: [/bin/sh, -c, 'echo hello; echo began > BEGAN; read go < GO'] } }
  second: { command: { run: [/bin/sh, -c, 'echo again >> MARKS'], input: first } }
";

impl Site {
    pub fn start() -> Self {
        let home = Home::new();
        let (folder, agents) = (home.file("home"), home.file("agent"));
        let (disk, agents_disk) =
            (Disk::new(&folder, home.file("fault")), Disk::new(&agents, home.file("agents-fault")));
        for fifo in ["began", "go"] {
            assert!(Command::new("mkfifo").arg(home.file(fifo)).status().unwrap().success());
        }
        let both = "exec \"$0\" \"$@\" 2>&1";
        let shell = |disk: &Disk, args: &[&str]| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", both]).arg(sweep_tests::binary("sweep")).args(args);
            command.env("SWEEP_HOME", &folder).env_remove("SWEEP_COORDINATOR");
            Talking::start(disk.of(&mut command))
        };
        let mut coordinator = shell(&disk, &["serve", "--listen", "127.0.0.1:0"]);
        let address = coordinator.wait_for(|line| line.contains("http://127.0.0.1:"));
        let address = address.split_whitespace().find(|word| word.starts_with("http")).unwrap();
        let token = folder.join("token");
        let (agents, token) = (agents.to_str().unwrap(), token.to_str().unwrap());
        let agent = shell(
            &agents_disk,
            &["agent", "--slots", "1", "--home", agents, "--coordinator", address, "--token-file", token],
        );
        Self { home, coordinator: Some(coordinator), agent: Some(agent), disk, agents_disk }
    }

    /// Submits the plan, and waits until its first job runs.
    pub fn begin(&self) {
        let file = |name: &str| self.home.file(name).display().to_string();
        let plan = PLAN.replace("BEGAN", &file("began")).replace("GO", &file("go")).replace("MARKS", &file("marks"));
        let plan = self.home.plan(&plan);
        let submitted = self.home.run(&["submit", plan.to_str().unwrap()]);
        assert!(submitted.status.success(), "{}", text(&submitted));
        // Opening a fifo waits for its writer.
        fs::read_to_string(self.home.file("began")).unwrap();
    }

    /// Lets the first job end.
    pub fn go(&self) {
        fs::write(self.home.file("go"), "go\n").unwrap();
    }

    pub fn coordinator_says(&mut self, words: &str) -> String {
        self.coordinator.as_mut().unwrap().wait_for(|line| line.contains(words))
    }

    pub fn agent_says(&mut self, words: &str) -> String {
        self.agent.as_mut().unwrap().wait_for(|line| line.contains(words))
    }

    pub fn database(&self) -> PathBuf {
        self.home.file("home").join("sweep.db")
    }

    pub fn status(&self) -> Value {
        self.home.json(&["status"])
    }

    /// To the sweep's end: both jobs were done once.
    pub fn ends(&self) {
        let watched = self.home.run(&["watch"]);
        assert_eq!(watched.status.code(), Some(0), "{}", text(&watched));
        let status = self.status();
        for job in status["jobs"].as_array().unwrap() {
            assert_eq!((&job["state"], &job["attempt"]), (&"succeeded".into(), &1.into()), "{status:#}");
        }
        assert_eq!(fs::read_to_string(self.home.file("marks")).unwrap(), "again\n");
        assert_eq!(status["read_only"], Value::Null);
        let check = self.home.run(&["db", "check", "--full"]);
        assert_eq!(check.status.code(), Some(0), "{}", text(&check));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for process in [self.agent.take(), self.coordinator.take()].into_iter().flatten() {
            process.signal("-TERM");
            let (_, said) = process.finish();
            if std::thread::panicking() {
                eprintln!("{said}\n---");
            }
        }
    }
}
