//! The model: memory that was not enough.

use super::draw::{AGENTS, MEMORY, most_parts};
use super::world::{Job, agent_name};

/// Whether the job, whose attempt of that number ran out of memory, is helped; then it waits for the next.
pub fn is_helped(job: &mut Job, number: usize, waits: &'static str) -> bool {
    let Some(helped) = help(job, &job.attempts[number - 1].agent) else { return false };
    (job.parts, job.outgrown) = helped;
    (job.class, job.state, job.waits) = (Some("out_of_memory"), waits, false);
    true
}

/// What helps a job that ran out of memory at this agent: a larger device, else smaller parts.
fn help(job: &Job, agent: &str) -> Option<(u32, u64)> {
    let had = MEMORY[(0..AGENTS).find(|at| agent_name(*at) == agent)?];
    if MEMORY.iter().any(|has| *has > had) {
        return Some((job.parts, had));
    }
    (job.parts < most_parts(job.key)).then(|| (job.parts * 2, 0))
}
