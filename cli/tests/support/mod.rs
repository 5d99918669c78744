//! What the tests of the built `sweep` share: a home of their own, runs to the end, and processes whose lines are waited for.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A `SWEEP_HOME`, and a folder beside it for plans and what jobs write. Both go when the test ends.
pub struct Home {
    folder: TempDir,
}

/// How a run ended.
pub struct Ended {
    /// -1 where a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A named pipe, for waiting until a job is there.
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path
    }

    /// `sweep` on this home, with nothing of the caller's own settings.
    pub fn sweep<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        for variable in ["COORDINATOR", "TOKEN", "TOKEN_FILE", "CONFIG", "LISTEN", "SLOTS", "DATASETS", "RUNNER", "LOG"]
        {
            command.env_remove(format!("SWEEP_{variable}"));
        }
        command.env("SWEEP_HOME", self.path()).args(args).stdin(Stdio::null());
        command
    }

    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Ended {
        ended(self.sweep(args).output().unwrap())
    }

    /// Runs it to the end and wants this exit code.
    #[track_caller]
    pub fn wants<A: AsRef<std::ffi::OsStr>>(&self, code: i32, args: &[A]) -> Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, code, "{}", ended.text());
        ended
    }

    /// What it prints with `--json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let ended = self.wants(0, &[args, &["--json"]].concat());
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{}", ended.text()))
    }
}

pub fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ended {
    /// All there is to say about it in a failed assertion.
    pub fn text(&self) -> String {
        format!("exit code {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// A process of which lines are read while it runs. It is killed if the test gives up on it.
pub struct Talking {
    child: Child,
    lines: BufReader<ChildStdout>,
    said: String,
}

impl Talking {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, said: String::new() }
    }

    /// Reads until a line holds these words.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            let n = self.lines.read_line(&mut line).unwrap();
            if n == 0 {
                let complaints = self.complaints();
                panic!("it ended before saying {words:?}; it said:\n{}\n{complaints}", self.said);
            }
            self.said += &line;
            if line.contains(words) {
                return line;
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Reads the rest and waits for the end.
    pub fn finish(mut self) -> Ended {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        self.said += &rest;
        let stderr = self.complaints();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Ended { code, stdout: std::mem::take(&mut self.said), stderr }
    }

    fn complaints(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).unwrap();
        }
        text
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A test that failed: nobody else will end it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A coordinator of this home on a free port, and its URL.
pub fn serve(home: &Home) -> (Talking, String) {
    let mut coordinator = Talking::start(home.sweep(&["serve", "--listen", "127.0.0.1:0"]));
    let line = coordinator.wait_for("http://127.0.0.1:");
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    (coordinator, url)
}

/// Whether a process is there and is no zombie.
pub fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The lines that jobs appended to a file, in their order.
pub fn ordered_marks(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The lines that jobs appended to a file, sorted.
pub fn marks(path: &Path) -> Vec<String> {
    let mut lines = ordered_marks(path);
    lines.sort();
    lines
}
