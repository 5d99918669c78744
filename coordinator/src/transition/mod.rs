//! What may follow what. Every change of a job's, an attempt's or a sweep's state is decided here, without I/O, as
//! `(state, event) → step | refusal`; the store then writes the step with SQL that is guarded by the state it was decided on.
//!
//! ```text
//! job:      blocked → ready → running → succeeded | failed | cancelled | skipped (an input did not succeed)
//!           running → ready      interrupted, refused, lost, never arrived; or failed, retryable, retries left (after a wait)
//!           blocked | ready | running → paused → back by a resume; its live attempt may still end it
//!           failed | cancelled | skipped | stopped → blocked | ready      by a user's retry only
//! attempt:  leased → running → finishing → succeeded | failed | interrupted | refused | cancelled | lost | stale
//! sweep:    active → finished | finished_with_failures | cancelled, and back to active by a retry or an amended plan
//! ```

mod attempt;
mod job;
mod sweep;
#[cfg(test)]
mod table;

pub use attempt::{AttemptEvent, next_attempt};
pub use job::{Job, JobEvent, Step, To, initial, next_job};
pub use sweep::sweep_end;

/// An event that the present state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {state}: {event} is not possible")]
pub struct Refusal {
    pub what: &'static str,
    pub state: &'static str,
    pub event: &'static str,
}
