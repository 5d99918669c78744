//! What is said of a job's memory: how much it is promised and how that is known, and what became of it after it ran out.

use std::time::Duration;

use sweep_shared::resources::DeviceClass;
use sweep_shared::states::{AttemptState, FailureClass};

use super::words::{class, count, device, size, span};
use super::{AgentFacts, DeviceFacts, Explanation, JobFacts, LastAttempt};
use crate::memory::Needs;

/// What the next attempt is promised of a device of each class, and from where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promise {
    pub needs: Needs,
    pub cpu: Known,
    pub cuda: Known,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Known {
    #[default]
    Predicted,
    /// The plan says it.
    Declared,
    /// An attempt like it had so much, and ran out of it.
    TooLittle,
    /// In so many runs of jobs like it.
    Measured(u32),
}

impl Known {
    /// `runs`: of those like it that succeeded; `None` where nothing was seen of any.
    pub fn of(declared: bool, runs: Option<u32>) -> Self {
        match runs {
            _ if declared => Self::Declared,
            None => Self::Predicted,
            Some(0) => Self::TooLittle,
            Some(runs) => Self::Measured(runs),
        }
    }
}

impl Promise {
    /// `2.1 GiB of memory (measured in 3 runs)`.
    pub fn words(&self, class: DeviceClass) -> String {
        let known = match class {
            DeviceClass::Cpu => self.cpu,
            DeviceClass::Cuda => self.cuda,
        };
        let from = match known {
            Known::Predicted => "predicted".to_owned(),
            Known::Declared => "as the plan says".to_owned(),
            Known::TooLittle => "less was too little for one like it".to_owned(),
            Known::Measured(runs) => format!("measured in {}", count(runs, "run", "runs")),
        };
        format!("{} of memory ({from})", size(self.needs.of(class)))
    }
}

/// Whether the last attempt ran out of memory, and the next was made to need less, or is given more.
pub fn is_remedied(job: &JobFacts, last: &LastAttempt) -> bool {
    let short = last.state == AttemptState::Failed && last.class == Some(FailureClass::OutOfMemory);
    short && (job.outgrown_bytes > 0 || job.micro_batches > last.micro_batches)
}

/// Of an attempt that has its batches in parts.
pub fn parts(job: &JobFacts, parts: u32) -> Option<String> {
    let whole = "whole ones did not fit into memory";
    (parts > 1).then(|| match job.batch {
        Some(batch) => format!("Each batch of {batch} goes through in {parts} parts, since {whole}."),
        None => format!("It takes {parts} times fewer images at once, since {whole}."),
    })
}

/// None of these devices is larger than the one where it ran out of memory.
pub fn outgrown(said: &mut Explanation, job: &JobFacts, suiting: &[(&AgentFacts, &DeviceFacts)], patience: Duration) {
    let Some((_, on)) = suiting.first() else { return };
    let class = class(on.class);
    said.reason(format!(
        "It ran out of memory on a {class} with {}, and none with more is here.",
        size(job.outgrown_bytes)
    ));
    said.next(format!(
        "It waits for a larger one; when there has been none for {}, it goes on with smaller parts of its batches, or anywhere.",
        span(patience)
    ));
}

/// Why this one is not tried.
pub fn too_small(job: &JobFacts, agent: &AgentFacts, on: &DeviceFacts) -> String {
    let place = device(on.class, on.index, &agent.id);
    format!("It ran out of memory on a {} with {}; {place} has no more.", class(on.class), size(job.outgrown_bytes))
}
