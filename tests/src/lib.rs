//! What the whole-system tests share: a `SWEEP_HOME` of their own, the built binaries, and waiting for what a process says.

pub mod http;

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The checkout.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Says whether a test runs, where a machine may lack something. `must`: on CI such a machine is a failure.
///
/// # Panics
/// On CI, if something is lacking that must be there.
pub fn runs(test: &str, lacking: Option<String>, must: bool) -> bool {
    let Some(why) = lacking else {
        eprintln!("{test}: ran");
        return true;
    };
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!(ci && must), "{test}: CI must have what it takes: {why}");
    eprintln!("{test}: skipped: {why}");
    false
}

/// A binary that `make test` built before the tests ran.
///
/// # Panics
/// If it is not there.
pub fn binary(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("the test knows where it is");
    let path = exe.parent().and_then(Path::parent).expect("target/<profile>/deps").join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace --bins` first (make test does)",
        path.display()
    );
    path
}

/// A `SWEEP_HOME` that goes when the test ends.
pub struct Home {
    dir: TempDir,
}

impl Home {
    /// # Panics
    /// If the temporary folder cannot be made.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A file beside the home's own, for plans and what jobs write.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a plan and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn plan(&self, yaml: &str) -> PathBuf {
        let path = self.file("plan.yaml");
        fs::write(&path, yaml).expect("the plan is written");
        path
    }

    /// `sweep` with this home.
    pub fn sweep(&self) -> Command {
        let mut command = Command::new(binary("sweep"));
        command.env("SWEEP_HOME", self.dir.path().join("home")).env_remove("SWEEP_COORDINATOR").stdin(Stdio::null());
        command
    }

    /// Runs `sweep` with these arguments to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(&self, args: &[&str]) -> Output {
        self.sweep().args(args).output().expect("sweep starts")
    }

    /// Runs `sweep … --json` and reads the document it prints.
    ///
    /// # Panics
    /// If it fails or prints something else.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let output = self.sweep().args(args).arg("--json").output().expect("sweep starts");
        assert!(output.status.success(), "sweep {args:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("sweep {args:?} printed no JSON: {e}\n{}", text(&output)))
    }
}

/// The epoch that a line tells of, as in `… epoch 3/8 …`. Wait for it or a later one: where the machine is busy, not every epoch
/// has a line of its own.
pub fn epoch(line: &str) -> Option<u32> {
    line.split_once("epoch ")?.1.split_once('/')?.0.parse().ok()
}

/// Both streams, for messages of failed assertions.
pub fn text(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// So long a test waits for anything. It is far longer than anything takes on the slowest machine, and there so that what would
/// hang fails, with what was seen until then.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// A process whose lines the test waits for. Dropping kills its process group, if it was not waited for.
pub struct Talking {
    child: Child,
    lines: Receiver<io::Result<String>>,
    pub said: String,
}

impl Talking {
    /// Starts the command in a process group of its own, so that a signal meant for it meets nobody else.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (said, lines) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let mut line = String::new();
                let told = match out.read_line(&mut line) {
                    Ok(0) => return,
                    read => said.send(read.map(|_| line)),
                };
                if told.is_err() {
                    return;
                }
            }
        });
        Self { child, lines, said: String::new() }
    }

    /// Reads until a line satisfies the test, and returns it.
    ///
    /// # Panics
    /// If the process ends first, or says nothing of the kind for long.
    pub fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        while let Some(line) = self.line(deadline) {
            if wanted(&line) {
                return line;
            }
        }
        panic!("it ended before saying what the test waits for; it said:\n{}", self.said)
    }

    /// The next line; `None`: there are no more.
    fn line(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let line = line.expect("its output is text");
                self.said.push_str(&line);
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the test has waited for long; it said:\n{}", self.said),
        }
    }

    /// Sends a signal by its number to the process alone.
    ///
    /// # Panics
    /// If `kill` cannot be run.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success(), "kill {signal}");
    }

    /// Reads the rest and waits for the end.
    ///
    /// # Panics
    /// If it does not end for long, or its output is not text.
    pub fn finish(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while self.line(deadline).is_some() {}
        (self.child.wait().expect("it can be waited for"), std::mem::take(&mut self.said))
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = self.child.wait();
        }
    }
}

/// A coordinator and an agent over TCP, as processes of their own. Dropping stops both.
pub struct Pair {
    agent: Option<Talking>,
    coordinator: Option<Talking>,
    /// `http://127.0.0.1:41234`
    pub address: String,
}

impl Pair {
    /// With a coordinator on the home, and this agent (`home.sweep()` with its arguments and environment).
    pub fn start(home: &Home, agent: &mut Command) -> Self {
        let mut coordinator = Talking::start(home.sweep().args(["serve", "--listen", "127.0.0.1:0"]));
        let line = coordinator.wait_for(|line| line.contains("http://127.0.0.1:"));
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default();
        let address = address.trim_end_matches(['.', ',', ';', '/']).to_owned();
        Self { agent: Some(Talking::start(agent)), coordinator: Some(coordinator), address }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for process in [self.agent.take(), self.coordinator.take()].into_iter().flatten() {
            process.signal("-TERM");
            process.finish();
        }
    }
}
