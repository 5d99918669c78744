//! A coordinator whose artifacts are in the bucket, an agent, and their user.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use sweep_tests::{Home, Talking, binary, text};

use crate::door::Door;
use crate::server::{BUCKET, KEY, SECRET, Server, met};

pub struct Site {
    pub home: Home,
    pub server: Server,
    pub door: Door,
    pub coordinator: Option<Talking>,
    agents: Vec<Talking>,
    /// Below the bucket.
    pub prefix: String,
    /// The keys are in ~/.aws/credentials, not in the environment.
    pub without_keys: bool,
    /// What the settings say instead of the URL; empty: nothing.
    pub settings: Option<String>,
    /// How much of what the coordinator said has been waited for.
    heard: usize,
}

impl Site {
    /// A server and a door before it, and nobody who uses them yet.
    pub fn new(story: &str) -> Option<Self> {
        if !met(story) {
            return None;
        }
        let home = Home::new();
        let server = Server::start(&home.file("s3"));
        let door = Door::before(&server.address);
        Some(Self {
            home,
            server,
            door,
            coordinator: None,
            agents: Vec::new(),
            prefix: "study".to_owned(),
            without_keys: false,
            settings: None,
            heard: 0,
        })
    }

    /// With a coordinator and an agent at work.
    pub fn at_work(story: &str) -> Option<Self> {
        let mut site = Self::new(story)?;
        site.serve();
        site.agent("agent");
        Some(site)
    }

    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/{}", self.prefix)
    }

    /// `sweep` with all that it takes to reach the bucket.
    pub fn sweep(&self) -> Command {
        let mut command = self.home.sweep();
        self.reaching(&mut command);
        command.env("SWEEP_ARTIFACTS", self.settings.clone().unwrap_or_else(|| self.url()));
        command
    }

    /// The keys, and where the server is; nothing of this machine's user.
    pub fn reaching(&self, command: &mut Command) {
        for name in ["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"] {
            command.env_remove(name);
        }
        command.env("HOME", self.home.path()).env("AWS_ENDPOINT_URL", format!("http://{}", self.door.address));
        if self.without_keys {
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        } else {
            command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
        }
    }

    /// Starts the coordinator; what it says on either stream can be waited for.
    pub fn serve(&mut self) {
        let mut command = both_streams(&["serve", "--listen", "127.0.0.1:0", "-v"]);
        self.like_sweep(&mut command);
        let mut coordinator = Talking::start(&mut command);
        coordinator.wait_for(|line| line.contains("serves http://"));
        self.coordinator = Some(coordinator);
        self.heard = 0;
    }

    fn like_sweep(&self, command: &mut Command) {
        for (name, value) in self.sweep().get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// Waits until the coordinator says it, after what was waited for before.
    pub fn said(&mut self, words: &str) -> String {
        let coordinator = self.coordinator.as_mut().unwrap();
        let mut from = self.heard;
        for line in coordinator.said[self.heard..].split_inclusive('\n') {
            from += line.len();
            if line.contains(words) {
                self.heard = from;
                return line.to_owned();
            }
        }
        let line = coordinator.wait_for(|line| line.contains(words));
        self.heard = coordinator.said.len();
        line
    }

    /// Starts an agent that has seen nothing yet.
    pub fn agent(&mut self, name: &str) {
        let address = fs::read_to_string(self.home.file("home/coordinator.json")).unwrap();
        let address: Value = serde_json::from_str(&address).unwrap();
        let mut command = both_streams(&["agent", "--slots", "1", "-v"]);
        command
            .env("SWEEP_HOME", self.home.file(name))
            .env("SWEEP_COORDINATOR", address["address"].as_str().unwrap())
            .env("SWEEP_TOKEN_FILE", self.home.file("home/token"))
            .stdin(Stdio::null());
        self.agents.push(Talking::start(&mut command));
    }

    pub fn stop_agents(&mut self) {
        for agent in self.agents.drain(..) {
            agent.signal("-TERM");
            agent.finish();
        }
    }

    pub fn stop(&mut self) {
        if let Some(coordinator) = self.coordinator.take() {
            coordinator.signal("-TERM");
            coordinator.finish();
        }
    }

    /// Without any warning.
    pub fn kill_coordinator(&mut self) {
        let coordinator = self.coordinator.take().unwrap();
        coordinator.signal("-KILL");
        coordinator.finish();
    }

    /// A user's command: its code, and what it said.
    pub fn run(&self, args: &[&str]) -> (i32, String) {
        let output = self.sweep().args(args).output().unwrap();
        (output.status.code().unwrap_or(-1), text(&output))
    }

    #[track_caller]
    pub fn done(&self, args: &[&str]) -> String {
        let (code, said) = self.run(args);
        assert_eq!(code, 0, "sweep {args:?}: {said}");
        said
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.sweep().args(args).arg("--json").output().unwrap();
        assert!(output.status.success(), "sweep {args:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Submits a plan and follows it.
    pub fn submit(&self, plan: &str) -> Talking {
        let path = self.home.plan(plan);
        Talking::start(self.sweep().args(["submit", path.to_str().unwrap(), "--watch"]))
    }

    /// Submits a plan, which must succeed.
    #[track_caller]
    pub fn work(&self, plan: &str) {
        let (status, said) = self.submit(plan).finish();
        assert_eq!(status.code(), Some(0), "{said}");
    }

    /// The file of a blob in the home's cache.
    pub fn cached(&self, hash: &str) -> PathBuf {
        self.home.file("home/artifacts").join(&hash[..2]).join(hash)
    }

    /// Loses what the home has of the blobs, as a new host would not have it.
    pub fn forget_cache(&self) {
        for hash in self.server.blobs(&self.prefix) {
            let _ = fs::remove_file(self.cached(&hash));
        }
    }

    pub fn state(&self, stage: &str) -> String {
        let status = self.json(&["status"]);
        let jobs = status["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["stage"] == stage).unwrap()["state"].as_str().unwrap().to_owned()
    }
}

/// Both streams in one.
fn both_streams(args: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(binary("sweep")).args(args);
    command
}

impl Drop for Site {
    fn drop(&mut self) {
        // Nothing that they hold is of use to anybody, and a story that failed may have left the door shut.
        for process in self.agents.drain(..).chain(self.coordinator.take()) {
            process.signal("-KILL");
            process.finish();
        }
    }
}
