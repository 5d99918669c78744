//! What may follow what. Every change of a job's, an attempt's or a sweep's state is decided here, without I/O, as
//! `(state, event) → step | refusal`; the store then writes the step with SQL that is guarded by the state it was decided on.
//!
//! ```text
//! job:      blocked → ready → running → succeeded | failed | cancelled | skipped (an input did not succeed)
//!           running → ready      interrupted, refused, lost, never arrived; out of memory, where that can be helped;
//!                                or failed, retryable, retries left (after a wait)
//!           blocked | ready | running → paused → back by a resume; its live attempt may still end it
//!           failed | cancelled | skipped | stopped → blocked | ready      by a user's retry only
//! attempt:  leased → running → finishing → succeeded | failed | interrupted | refused | cancelled | lost | stale
//! sweep:    active → finished | finished_with_failures | cancelled, and back to active by a retry or an amended plan
//! ```

mod attempt;
#[cfg(feature = "simulation")]
pub mod edges;
mod job;
mod sweep;
#[cfg(test)]
mod table;

pub use attempt::AttemptEvent;
pub use job::{Job, JobEvent, Step, To, initial};
pub use sweep::sweep_end;
use sweep_shared::states::AttemptState;

/// Decides what becomes of the job.
pub fn next_job(job: Job, event: JobEvent) -> Result<Step, Refusal> {
    let step = job::next_job(job, event)?;
    #[cfg(feature = "simulation")]
    edges::job(job.state, event);
    Ok(step)
}

/// Decides what becomes of the attempt.
pub fn next_attempt(state: AttemptState, event: AttemptEvent) -> Result<AttemptState, Refusal> {
    let next = attempt::next_attempt(state, event)?;
    #[cfg(feature = "simulation")]
    edges::attempt(state, event);
    Ok(next)
}

/// An event that the present state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {state}: {event} is not possible")]
pub struct Refusal {
    pub what: &'static str,
    pub state: &'static str,
    pub event: &'static str,
}
