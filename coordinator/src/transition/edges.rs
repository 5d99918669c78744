//! Which edges of the tables were gone along, for the simulation: it has to come across all that can be reached.

use std::cell::RefCell;

use sweep_shared::states::{AttemptState, JobState};

use super::{Job, JobEvent, attempt, job};

/// An edge of one of the two tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// `job` or `attempt`.
    pub what: &'static str,
    pub state: &'static str,
    /// As the tables in ARCHITECTURE.md name it.
    pub event: String,
}

thread_local! {
    static GONE: RefCell<Vec<Edge>> = const { RefCell::new(Vec::new()) };
}

/// All edges there are.
pub fn all() -> Vec<Edge> {
    let mut edges = Vec::new();
    for &state in JobState::ALL {
        let fresh = Job { state, failures: 0, losses: 0, retries: 1, most_losses: 1 };
        for event in job::EVENTS.into_iter().filter(|event| job::next_job(fresh, *event).is_ok()) {
            edges.push(Edge { what: "job", state: state.as_str(), event: event.name() });
        }
    }
    for &state in AttemptState::ALL {
        for event in attempt::EVENTS.into_iter().filter(|event| attempt::next_attempt(state, *event).is_ok()) {
            edges.push(Edge { what: "attempt", state: state.as_str(), event: event.word().to_owned() });
        }
    }
    edges
}

/// What this thread's coordinators have gone along since the last look.
pub fn take() -> Vec<Edge> {
    GONE.with_borrow_mut(std::mem::take)
}

pub(super) fn job(state: JobState, event: JobEvent) {
    GONE.with_borrow_mut(|gone| gone.push(Edge { what: "job", state: state.as_str(), event: event.name() }));
}

pub(super) fn attempt(state: AttemptState, event: super::AttemptEvent) {
    let event = event.word().to_owned();
    GONE.with_borrow_mut(|gone| gone.push(Edge { what: "attempt", state: state.as_str(), event }));
}
