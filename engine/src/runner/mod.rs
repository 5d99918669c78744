//! The shell around a stage: the process `sweep-runner`.
//!
//! It reads `job.json` in the current folder, fixes threads and device, runs the stage, and turns what came of it into the
//! last event and an exit status: 0 done, 1 failed, 2 no usable `job.json`, 75 interrupted with a checkpoint
//! ([`sweep_shared::event::exit`]). `limit` bounds the process where the agent says so, and [`crate::job::LastWords`] tells of memory that is not
//! there. The first SIGTERM asks for a checkpoint at the next optimizer step; `kill -9` is safe at any time.

mod device;
mod limit;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sweep_engine_sys::pool;
use sweep_shared::event::{RunnerEvent, exit};
use sweep_shared::spec::{Assignment, JOB_FILE};
use sweep_shared::states::FailureClass;

use crate::error::{Error, Result};
use crate::job::{Events, Job, Stop};
use crate::stages;

pub use device::prepare_cuda;

/// Runs the attempt in `folder` and returns the exit status. The last event has been written.
pub fn run(folder: &Path, mut events: Events, stop: Stop) -> i32 {
    let assignment = match read_assignment(folder) {
        Ok(assignment) => assignment,
        Err(message) => {
            tracing::error!("{message}");
            events.emit(&RunnerEvent::Failed { class: FailureClass::BadInput, message });
            return exit::USAGE;
        }
    };
    // The events must outlive the job, whose last words they carry.
    let shared = events.share();
    let attempt = || attempt(folder, assignment, shared, stop);
    // tch's convenience methods panic; an attempt that does still tells why it failed.
    let result = catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|panic| Err(panicked(panic)));
    conclude(result, &mut events)
}

fn attempt(folder: &Path, assignment: Assignment, events: Events, stop: Stop) -> Result<()> {
    let threads = assignment.threads.max(1) as usize;
    sweep_engine_sys::set_threads(threads, 1)?;
    let device = device::choose(assignment.device, assignment.device_index)?;
    if let Some(bytes) = assignment.memory_limit_bytes {
        limit::set(bytes, device)?;
    }
    if device == tch::Device::Cpu {
        pool::install()?;
    }
    tracing::info!(
        job = %assignment.token, stage = %assignment.spec.stage, kind = assignment.spec.kind.word(),
        ?device, threads, cpu = sweep_engine_sys::cpu_capability()?, "starting"
    );
    let mut job = Job::open(folder, assignment, device, events, stop)?;
    stages::run(&mut job)
}

fn read_assignment(folder: &Path) -> std::result::Result<Assignment, String> {
    let path = folder.join(JOB_FILE);
    let text = std::fs::read(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("{} is not a job description: {e}", path.display()))
}

fn conclude(result: Result<()>, events: &mut Events) -> i32 {
    match result {
        Ok(()) => {
            events.emit(&RunnerEvent::Done);
            exit::DONE
        }
        Err(Error::Interrupted) => {
            tracing::info!("{}", Error::Interrupted);
            exit::INTERRUPTED
        }
        Err(error) => {
            let class = error.class().unwrap_or(FailureClass::Internal);
            let message = chain(&error);
            tracing::error!(%class, "{message}");
            events.emit(&RunnerEvent::Failed { class, message });
            exit::FAILED
        }
    }
}

/// The error and its causes in one line, each told once (transparent errors repeat their cause).
fn chain(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    let mut texts: Vec<String> = causes.map(|cause| without_frames(&cause.to_string()).to_owned()).collect();
    texts.dedup();
    let mut whole = texts.remove(0);
    for text in texts {
        if !whole.contains(&text) {
            whole.push_str(": ");
            whole.push_str(&text);
        }
    }
    whole
}

/// libtorch's errors bring C++ frames along, which tell nobody anything.
fn without_frames(message: &str) -> &str {
    const FRAMES: [&str; 2] = ["\nframe #", "\nException raised from"];
    let end = FRAMES.iter().filter_map(|frames| message.find(frames)).min();
    message[..end.unwrap_or(message.len())].trim_end()
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    let text = text.unwrap_or_else(|| "for an unknown reason".into());
    Error::stage::<String>("the runner panicked")(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_once() {
        let disk = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::from(crate::checkpoint::Error::io("write", "/x/state.json")(disk));
        let text = chain(&error);
        assert!(text.starts_with("cannot write /x/state.json: "), "{text}");
        assert_eq!(text.matches("/x/state.json").count(), 1, "{text}");
    }

    #[test]
    fn the_frames_of_cpp_are_left_out() {
        let torch =
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 16 bytes.\nframe #0: c10::Throw + 0x6a";
        let error = Error::Torch(tch::TchError::Torch(torch.into()));
        assert!(chain(&error).ends_with("allocate 16 bytes."), "{}", chain(&error));
    }

    #[test]
    fn a_panic_about_memory_is_out_of_memory() {
        let error = panicked(Box::new("DefaultCPUAllocator: can't allocate memory".to_owned()));
        assert_eq!(error.class(), Some(FailureClass::OutOfMemory));
    }
}
