//! A coordinator and two agents as processes of their own on one host, which can be killed, frozen and started again.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use sweep_tests::{binary, text};

use crate::blows::{Blow, Process};
use crate::processes;

/// The shortest that `sweep serve` takes.
pub const LEASE: Duration = Duration::from_secs(5);
const GRACE: &str = "1s";

/// In the environment of everything that a cluster starts, and of what that starts.
pub const MARK: &str = "CHAOS_FOLDER";

pub struct Cluster {
    folder: PathBuf,
    address: String,
    coordinator: Child,
    agents: Vec<Child>,
    thaws: Vec<JoinHandle<()>>,
}

impl Cluster {
    /// A coordinator and so many agents. Everything lies in `folder`.
    pub fn start(folder: &Path, agents: usize) -> Result<Self, String> {
        fs::create_dir_all(folder.join("logs")).map_err(|error| error.to_string())?;
        let address = free_address();
        let mut coordinator = start(&mut serve(folder, &address), &log(folder, "coordinator"));
        // It makes the token that agents are told to read.
        wait_until_it_serves(&mut coordinator)?;
        let agents =
            (0..agents).map(|n| start(&mut agent(folder, &address, n), &log(folder, &agent_name(n)))).collect();
        Ok(Self { folder: folder.to_owned(), address, coordinator, agents, thaws: Vec::new() })
    }

    /// A coordinator that was just started again can be asked from now on.
    pub fn wait_until_it_serves(&mut self) -> Result<(), String> {
        wait_until_it_serves(&mut self.coordinator)
    }

    /// A user's command, which finds the coordinator as users on this machine do.
    pub fn user(&self) -> Command {
        sweep(&self.folder)
    }

    /// A user's question to the coordinator that runs; `None` where it is just away.
    pub fn ask(&self, args: &[&str]) -> Result<Option<Value>, String> {
        let mut command = self.user();
        let output = command.args(args).args(["--json", "--coordinator", &self.address]).output();
        let output = output.map_err(|error| format!("sweep does not start: {error}"))?;
        match output.status.code() {
            Some(0) => serde_json::from_slice(&output.stdout)
                .map(Some)
                .map_err(|error| format!("sweep {args:?} printed no JSON: {error}\n{}", text(&output))),
            Some(3) => Ok(None),
            _ => Err(format!("sweep {args:?}: {}", text(&output))),
        }
    }

    /// Whether it met anybody.
    pub fn strike(&mut self, blow: Blow) -> Result<bool, String> {
        match blow {
            Blow::Kill(process) => {
                self.kill(process);
                self.restart(process);
            }
            Blow::KillBoth { agent, agent_first } => {
                let mut both = [Process::Coordinator, Process::Agent(agent)];
                for process in both {
                    self.kill(process);
                }
                if agent_first {
                    both.reverse();
                }
                for process in both {
                    self.restart(process);
                }
            }
            Blow::KillAll => {
                self.kill_all();
                self.restart_all();
            }
            Blow::KillRunner { which } => return Ok(self.kill_runner(which)),
            Blow::Freeze(process, time) => self.freeze(process, time),
            Blow::Restart(process) => {
                self.end(process)?;
                self.restart(process);
            }
        }
        Ok(true)
    }

    pub fn kill_all(&mut self) {
        for process in self.everyone() {
            self.kill(process);
        }
    }

    pub fn restart_all(&mut self) {
        for process in self.everyone() {
            self.restart(process);
        }
    }

    /// Nobody may have ended but by a blow.
    pub fn check_alive(&mut self) -> Result<(), String> {
        for process in self.everyone() {
            let ended = self.child(process).try_wait().map_err(|error| error.to_string())?;
            if let Some(status) = ended {
                return Err(format!("the {process:?} ended by itself: {status}"));
            }
        }
        Ok(())
    }

    /// Lets the frozen go on.
    pub fn thaw(&mut self) {
        for thaw in self.thaws.drain(..) {
            thaw.join().expect("a thaw does not panic");
        }
    }

    /// Stops the agents in good order, so that all that they have to say is said.
    pub fn end_agents(&mut self) -> Result<(), String> {
        (0..self.agents.len()).try_for_each(|n| self.end(Process::Agent(n)))
    }

    pub fn end_coordinator(&mut self) -> Result<(), String> {
        self.end(Process::Coordinator)
    }

    /// SIGTERM; it must take it well.
    pub fn end(&mut self, process: Process) -> Result<(), String> {
        // One that is frozen gets the signal once it goes on.
        self.thaw();
        let child = self.child(process);
        while !processes::handles_term(child.id()) && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
        processes::signal(child.id(), "-TERM");
        let status = child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the {process:?} did not stop in good order: {status}")) }
    }

    pub fn kill(&mut self, process: Process) {
        let child = self.child(process);
        child.kill().expect("a child can be killed");
        let _: ExitStatus = child.wait().expect("a killed child ends");
    }

    fn kill_runner(&self, which: u64) -> bool {
        let runners = self.runners();
        let Some(at) = which.checked_rem(runners.len() as u64) else { return false };
        processes::signal(runners[at as usize], "-KILL")
    }

    fn freeze(&mut self, process: Process, time: Duration) {
        let pid = self.child(process).id();
        processes::signal(pid, "-STOP");
        self.thaws.push(thread::spawn(move || {
            thread::sleep(time);
            // It may have been killed in the meantime.
            processes::signal(pid, "-CONT");
        }));
    }

    pub fn restart(&mut self, process: Process) {
        let child = match process {
            Process::Coordinator => start(&mut serve(&self.folder, &self.address), &log(&self.folder, "coordinator")),
            Process::Agent(n) => start(&mut agent(&self.folder, &self.address, n), &log(&self.folder, &agent_name(n))),
        };
        *self.child(process) = child;
    }

    fn everyone(&self) -> impl Iterator<Item = Process> + use<> {
        std::iter::once(Process::Coordinator).chain((0..self.agents.len()).map(Process::Agent))
    }

    fn child(&mut self, process: Process) -> &mut Child {
        match process {
            Process::Coordinator => &mut self.coordinator,
            Process::Agent(n) => &mut self.agents[n],
        }
    }

    /// The processes of attempts that live.
    pub fn runners(&self) -> Vec<u32> {
        processes::bearing(&[&format!("{MARK}={}", self.folder.display()), "SWEEP_ATTEMPT="])
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.everyone() {
            let child = self.child(process);
            let _ = child.kill();
            let _ = child.wait();
        }
        self.thaw();
    }
}

fn sweep(folder: &Path) -> Command {
    let mut command = Command::new(binary("sweep"));
    command.env("SWEEP_HOME", folder.join("home")).env_remove("SWEEP_COORDINATOR");
    command.stdin(Stdio::null());
    command
}

fn serve(folder: &Path, address: &str) -> Command {
    let mut command = sweep(folder);
    command.args(["serve", "--listen", address]);
    command.env("SWEEP_LEASE", format!("{}s", LEASE.as_secs())).env("SWEEP_RECONNECT_GRACE", GRACE);
    command
}

/// On one core of its own, where there are two: an agent divides its host's cores among its slots, and other numbers of threads
/// give other bits.
fn agent(folder: &Path, address: &str, n: usize) -> Command {
    let mut command = Command::new("taskset");
    let cores = processes::cores();
    command.args(["-c", &cores[n % cores.len()].to_string()]).arg(binary("sweep"));
    command.args(["agent", "--slots", "1", "--coordinator", address]);
    command.arg("--home").arg(folder.join(agent_name(n))).arg("--token-file").arg(folder.join("home/token"));
    command.stdin(Stdio::null()).env_remove("SWEEP_COORDINATOR").env(MARK, folder);
    command
}

pub fn agent_name(n: usize) -> String {
    format!("agent-{n}")
}

fn start(command: &mut Command, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).expect("a log can be opened");
    let filter = "info,sweep=debug,sweep_coordinator=debug,sweep_worker=debug";
    command.env("SWEEP_LOG", filter).process_group(0).stdout(Stdio::piped()).stderr(log).spawn().expect("it starts")
}

/// What a process of the cluster says.
pub fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join("logs").join(name)
}

fn wait_until_it_serves(coordinator: &mut Child) -> Result<(), String> {
    let mut lines = BufReader::new(coordinator.stdout.as_mut().expect("stdout is piped")).lines();
    match lines.next() {
        Some(Ok(line)) if line.contains("http://127.0.0.1:") => Ok(()),
        other => Err(format!("the coordinator said {other:?} instead of its address")),
    }
}

/// A port that restarts can come back to: below those that the kernel gives to outgoing connections, one of which might otherwise
/// take it while the coordinator is away.
fn free_address() -> String {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Programs that run at once keep out of each other's way.
    let first = 20_000 + (std::process::id().wrapping_mul(97) % 10_000) as u16;
    let mut ports = std::iter::repeat_with(|| first + TRIED.fetch_add(1, Ordering::Relaxed)).take(2_000);
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    format!("127.0.0.1:{}", free.expect("one of many ports is free"))
}
