//! A coordinator's host and the agents' hosts, with a cable between them, for one story.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use sweep_tests::binary;
use tempfile::TempDir;

use crate::cable::{Cable, Weather};
use crate::host::Host;
use crate::lines::Lines;
use crate::needs;
use crate::process::Process;
use crate::runners;

pub const COORDINATOR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub const A: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
pub const B: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);

const PORT: u16 = 7433;

/// Dropped, it takes every process and host with it.
pub struct World {
    pub coordinator: Option<Process>,
    agents: BTreeMap<Ipv4Addr, Process>,
    hosts: BTreeMap<Ipv4Addr, Host>,
    pub cable: Cable,
    /// What the runners say: `epoch j1.1 a 2`; and `gone j1.1 a` once no process of the attempt is left.
    pub said: Arc<Lines>,
    lease: &'static str,
    /// For coordinator and agents.
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl World {
    /// A coordinator with a lease of 6 s and a grace of 2 s, and no agent. `None`, and why, where this machine cannot have it.
    pub fn new(story: &str) -> Option<Self> {
        Self::with(story, "6s", &[])
    }

    /// With another lease, and variables for coordinator and agents.
    pub fn with(story: &str, lease: &'static str, environment: &[(&str, &str)]) -> Option<Self> {
        if !needs::met(story) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let said = Lines::new("the runners");
        runners::listen(folder.path(), &said);
        let mut world = Self {
            coordinator: None,
            agents: BTreeMap::new(),
            hosts: BTreeMap::new(),
            cable: Cable::new().unwrap(),
            said,
            lease,
            environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            folder,
        };
        world.boot(COORDINATOR);
        world.serve();
        Some(world)
    }

    /// A host that was not there, or one in the place of another: of its connections its kernel knows nothing.
    pub fn boot(&mut self, address: Ipv4Addr) {
        let host = Host::boot(address).expect("a host of its own");
        self.cable.plug(address, Arc::clone(&host.tun));
        self.hosts.insert(address, host);
    }

    /// Starts the coordinator, for the first time or again.
    pub fn serve(&mut self) {
        let listen = format!("{COORDINATOR}:{PORT}");
        let mut command = self.sweep_on(COORDINATOR);
        command.args(["serve", "--lease", self.lease, "--listen", &listen]);
        command.env("SWEEP_LOG", "info,sweep_coordinator=debug").env("SWEEP_RECONNECT_GRACE", "2s");
        command.envs(self.environment.iter().cloned());
        let process = Process::start("the coordinator", command);
        process.said.wait_for(" serves https://");
        self.coordinator = Some(process);
    }

    /// The coordinator's host is gone from one moment to the next: nothing of it, no kernel, says goodbye.
    pub fn power_failure(&mut self) {
        self.cable.unplug(COORDINATOR);
        self.coordinator = None;
        self.hosts.remove(&COORDINATOR);
    }

    pub fn coordinator_said(&self) -> Arc<Lines> {
        Arc::clone(&self.coordinator.as_ref().expect("it runs").said)
    }

    /// Starts an agent on a host of its own, and waits until the coordinator knows it.
    pub fn agent(&mut self, address: Ipv4Addr, slots: u32) -> Arc<Lines> {
        self.boot(address);
        let token = self.invite();
        let url = format!("https://{COORDINATOR}:{PORT}");
        let mut command = self.sweep_on(address);
        command.args(["agent", "--coordinator", &url, "--slots", &slots.to_string(), "--join-token-file"]).arg(token);
        command.envs(self.environment.iter().cloned()).env("SWEEP_LOG", "info,sweep_worker=debug");
        command.env("STORY_HOST", name(address));
        let process = Process::start(&format!("agent {}", name(address)), command);
        process.said.wait_for("connected");
        let said = Arc::clone(&process.said);
        self.agents.insert(address, process);
        said
    }

    /// A file with what one agent can join with.
    fn invite(&self) -> PathBuf {
        let path = self.folder.path().join("join-token");
        fs::write(&path, self.json(&["agents", "invite"])["token"].as_str().expect("a token")).unwrap();
        path
    }

    /// The id that an agent made for itself.
    pub fn agent_id(&self, address: Ipv4Addr) -> String {
        let text = fs::read_to_string(self.home(address).join("agent/agent.json")).unwrap();
        let stored: Value = serde_json::from_str(&text).unwrap();
        stored["agent"].as_str().unwrap().to_owned()
    }

    /// Waits for an agent's end, and answers its exit code.
    pub fn agent_ended(&mut self, address: Ipv4Addr) -> Option<i32> {
        self.agents.remove(&address).expect("it was started").finish().0.code()
    }

    pub fn agent_process(&self, address: Ipv4Addr) -> &Process {
        &self.agents[&address]
    }

    pub fn cut(&self, agent: Ipv4Addr) {
        self.cable.between(COORDINATOR, agent, Weather::CUT);
    }

    pub fn mend(&self, agent: Ipv4Addr) {
        self.cable.between(COORDINATOR, agent, Weather::FINE);
    }

    pub fn home(&self, address: Ipv4Addr) -> PathBuf {
        self.folder.path().join(name(address))
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Any program on a host.
    pub fn on(&self, address: Ipv4Addr, program: &Path) -> Command {
        self.hosts[&address].command(program)
    }

    fn sweep_on(&self, address: Ipv4Addr) -> Command {
        let mut command = self.on(address, &binary("sweep"));
        command.env("SWEEP_HOME", self.home(address)).env_remove("SWEEP_COORDINATOR");
        command
    }

    /// A user's command on the coordinator's host, to its end.
    pub fn user(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = self.sweep_on(COORDINATOR);
        command.args(args);
        let (status, said) = Process::start(&format!("sweep {}", args.join(" ")), command).finish();
        (status.code(), said)
    }

    /// A user's command that succeeds with a JSON document.
    pub fn json(&self, args: &[&str]) -> Value {
        let (code, said) = self.user(&[args, &["--json"]].concat());
        assert_eq!(code, Some(0), "sweep {args:?}: {said}");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("sweep {args:?}: {error}: {said}"))
    }

    /// Submits a plan of these stages, each with its runner's orders; checkpoints of so many bytes.
    pub fn submit(&self, bytes: u64, stages: &[(&str, &str)]) {
        self.submit_text(&self.plan(bytes, stages));
    }

    pub fn plan(&self, bytes: u64, stages: &[(&str, &str)]) -> String {
        runners::plan(self.folder.path(), bytes, stages)
    }

    pub fn submit_text(&self, plan: &str) {
        let path = self.folder.path().join("plan.yaml");
        fs::write(&path, plan).unwrap();
        let (code, said) = self.user(&["submit", path.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{said}");
    }

    /// Tells an attempt's runner what to do next; it must have begun.
    pub fn order(&self, attempt: &str, orders: &[&str]) {
        runners::order(self.folder.path(), attempt, orders);
    }

    /// Waits until the latest sweep is over, and answers the exit code of whoever watched it.
    pub fn watched(&self) -> Option<i32> {
        self.user(&["watch", "-q"]).0
    }

    /// The latest sweep's job of this stage.
    pub fn job(&self, stage: &str) -> Value {
        let status = self.json(&["status"]);
        let found = status["jobs"].as_array().unwrap().iter().find(|job| job["stage"] == stage);
        found.unwrap_or_else(|| panic!("no job of stage {stage}: {status}")).clone()
    }

    /// Which attempt trained each epoch of the recorded point: `["1 j1.1", "2 j1.2"]`.
    pub fn trail(&self, stage: &str) -> Vec<String> {
        let results = self.json(&["results"]);
        let points: Vec<&Value> = results.as_array().unwrap().iter().filter(|point| point["stage"] == stage).collect();
        assert_eq!(points.len(), 1, "one point, once: {results}");
        let path = points[0]["files"][0]["path"].as_str().unwrap_or_else(|| panic!("no file: {results}"));
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    /// How many attempts at this job's runner began, on whichever host.
    pub fn began(&self, job: &str) -> usize {
        let wanted = format!("began {job}.");
        self.said.all().iter().filter(|line| line.starts_with(&wanted)).count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let processes = self.coordinator.iter().chain(self.agents.values()).map(|process| &process.said);
        for lines in processes.chain([&self.said]) {
            eprintln!("--- {} said:\n{}", lines.name, lines.all().join("\n"));
        }
    }
}

pub fn name(address: Ipv4Addr) -> &'static str {
    match address {
        COORDINATOR => "coordinator",
        A => "a",
        B => "b",
        _ => unreachable!("there are three hosts"),
    }
}
