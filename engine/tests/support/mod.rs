//! Drives the real `sweep-runner` as an agent does: job.json, a pipe on descriptor 3, signals.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use sweep_shared::event::RunnerEvent;

/// A data set small enough that an epoch takes a moment.
pub fn tiny_data() -> Value {
    json!({
        "source": { "synthetic": { "train": 640, "validation": 100, "test": 100 } },
        "validation": 0.1, "augment": ["flip", "crop4"], "normalization": "dataset"
    })
}

pub fn fit(epochs: u32) -> Value {
    json!({
        "epochs": epochs, "batch": 16, "label_smoothing": 0.1, "precision": "fp32",
        "optimizer": { "sgd": { "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": true } },
        "schedule": { "cosine": { "warmup_epochs": 0.5 } }
    })
}

/// A job of this kind on the tiny data set. `inputs` are (role, folder of the point).
pub fn job(kind: &str, params: Value, inputs: &[(&str, &Path)]) -> Value {
    let spec = |(role, _): &(&str, &Path)| json!({ "role": role, "key": "k", "point": "main" });
    let fetched = |(_, folder): &(&str, &Path)| json!({ "folder": folder, "files": [] });
    json!({
        "token": { "job": 1, "attempt": 1, "lease": 1 },
        "spec": {
            "stage": "s", "seed": 7, "data": tiny_data(), "kind": kind, "params": params,
            "inputs": inputs.iter().map(spec).collect::<Vec<_>>()
        },
        "inputs": inputs.iter().map(fetched).collect::<Vec<_>>(),
        "resume": [], "device": "cpu", "device_index": 0, "threads": 2, "datasets": "/nonexistent"
    })
}

/// A running attempt.
pub struct Attempt {
    child: Child,
    events: BufReader<fs::File>,
}

impl Attempt {
    pub fn start(folder: &Path, job: &Value) -> Self {
        Self::start_as(folder, job, Command::new(env!("CARGO_BIN_EXE_sweep-runner")))
    }

    /// With so many KiB of writable private memory, and no word of it to the runner.
    pub fn limited(folder: &Path, job: &Value, kib: u64) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -d $1 && exec \"$0\"", env!("CARGO_BIN_EXE_sweep-runner"), &kib.to_string()]);
        Self::start_as(folder, job, command)
    }

    fn start_as(folder: &Path, job: &Value, mut command: Command) -> Self {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("job.json"), job.to_string()).unwrap();
        let (read, write) = nix::unistd::pipe().unwrap();
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        // As the agent sets it: tests run side by side, and spinning threads of one process starve the others.
        command.env("OMP_WAIT_POLICY", "passive");
        command.env("MALLOC_MMAP_THRESHOLD_", "4294967296").env("MALLOC_TRIM_THRESHOLD_", "17179869184");
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let (from, unneeded) = (write.as_raw_fd(), read.as_raw_fd());
        // SAFETY: only dup2 and close, which are safe between fork and exec.
        unsafe {
            command.pre_exec(move || {
                if from != 3 {
                    if unneeded != 3 {
                        libc::close(unneeded);
                    }
                    if libc::dup2(from, 3) < 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                    libc::close(from);
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop::<OwnedFd>(write);
        Self { child, events: BufReader::new(fs::File::from(read)) }
    }

    /// The next event; `None` once the runner has closed its end.
    pub fn next(&mut self) -> Option<RunnerEvent> {
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        // A line cut short by kill -9 has no newline.
        line.ends_with('\n').then(|| serde_json::from_str(&line).unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Closes the reading end, as an agent that dies does, and waits for the runner.
    pub fn stop_reading(mut self) -> ExitStatus {
        drop(self.events);
        self.child.wait().unwrap()
    }

    /// Reads to the end; whether it succeeded, and the most that was resident, in bytes.
    pub fn finish_measured(mut self) -> (bool, u64) {
        while self.next().is_some() {}
        let mut status = 0;
        // SAFETY: all zeros is a valid `rusage`, and both places are valid. The child is ours and nobody else waits for it.
        let used = unsafe {
            let mut used: libc::rusage = std::mem::zeroed();
            assert!(libc::wait4(self.child.id() as i32, &raw mut status, 0, &raw mut used) > 0);
            used
        };
        (status == 0, used.ru_maxrss as u64 * 1024)
    }

    /// Reads to the end.
    pub fn finish(mut self) -> (Vec<RunnerEvent>, ExitStatus) {
        let events = std::iter::from_fn(|| self.next()).collect();
        (events, self.child.wait().unwrap())
    }
}

/// Runs an attempt to its successful end.
pub fn run(folder: &Path, job: &Value) -> Vec<RunnerEvent> {
    let (events, status) = Attempt::start(folder, job).finish();
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert!(status.success(), "{status}: {events:?}\n{log}");
    assert_eq!(events.last(), Some(&RunnerEvent::Done));
    events
}

pub fn epochs(events: &[RunnerEvent]) -> usize {
    events.iter().filter(|event| matches!(event, RunnerEvent::Epoch { .. })).count()
}

/// Every point's name with the bytes of its weights, in order of publication (a point published twice counts once).
pub fn weights(folder: &Path, events: &[RunnerEvent]) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for event in events {
        if let RunnerEvent::Point { point, files, .. } = event {
            let file = files.iter().find(|file| file.name == "weights.safetensors").expect("weights in the point");
            all.retain(|(name, _)| name != point);
            all.push((point.clone(), fs::read(folder.join(&file.path)).unwrap()));
        }
    }
    all
}

/// The checkpoints in an attempt folder, newest first.
pub fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(folder.join("checkpoints")).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    all.sort();
    all.reverse();
    all
}
