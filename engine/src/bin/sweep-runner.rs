//! `sweep-runner`: executes one attempt at a job, in the attempt folder. Agents start it; `--help` says how to do so by hand.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use sweep_engine::job::{Events, LastWords, Stop};
use sweep_engine::parity::Bisect;
use sweep_engine::runner;
use sweep_shared::event::exit;
use tracing_subscriber::EnvFilter;

const USAGE: &str = "\
Usage: sweep-runner [--version | --help]
       sweep-runner bisect MODEL TOLERANCE [DUMP]

Runs the job described by job.json in the current folder. Events go to file descriptor 3, one JSON object a line (to standard
output if that is not open), logs to standard error (RUST_LOG sets the level).

SIGTERM: checkpoint at the next optimizer step, then exit. A second one ends at once. kill -9 is safe at any time.

bisect runs the model saved in the folder MODEL in libtorch and in ONNX Runtime and compares the values of all nodes, with those in
DUMP (safetensors), too, if it is given; one JSON document on standard output. `sweep model bisect` is the way to ask for it.

Exit status: 0 done, 1 failed (the last event tells the class), 2 no usable job.json, 75 interrupted with a checkpoint.";

#[global_allocator]
static ALLOCATOR: LastWords = LastWords;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let code = match words.first() {
        None => attempt(),
        Some(&"bisect") => bisect(&words[1..]),
        Some(&("--version" | "-V")) => {
            println!("sweep-runner {} (libtorch {})", env!("CARGO_PKG_VERSION"), sweep_engine_sys::torch_version());
            exit::DONE
        }
        Some(&("--help" | "-h")) => {
            println!("{USAGE}");
            exit::DONE
        }
        Some(other) => usage(&format!("unknown argument {other:?}")),
    };
    std::process::ExitCode::from(code as u8)
}

fn bisect(words: &[&str]) -> i32 {
    let (model, tolerance, against) = match words {
        [model, tolerance] => (model, tolerance, None),
        [model, tolerance, against] => (model, tolerance, Some(PathBuf::from(against))),
        _ => return usage("bisect takes two or three arguments"),
    };
    let Ok(tolerance) = tolerance.parse() else { return usage("TOLERANCE is not a number") };
    let report = Bisect { model: model.into(), against, tolerance }.run().map_err(anyhow::Error::from);
    match report.and_then(|report| Ok(serde_json::to_string(&report)?)) {
        Ok(document) => {
            println!("{document}");
            exit::DONE
        }
        Err(error) => {
            eprintln!("{error:#}");
            exit::FAILED
        }
    }
}

fn usage(mistake: &str) -> i32 {
    eprintln!("sweep-runner: {mistake}\n\n{USAGE}");
    exit::USAGE
}

fn attempt() -> i32 {
    let stop = Stop::new();
    // First of all: descriptor 3 must be looked at before this process opens anything.
    let events = Events::open(stop.clone());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    if let Err(error) = Stop::listen() {
        tracing::warn!(%error, "cannot listen for signals");
    }
    runner::prepare_cuda();
    runner::run(Path::new("."), events, stop)
}
