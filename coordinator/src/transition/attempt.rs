//! The life of an attempt. Once ended it never changes.

use sweep_shared::states::AttemptState;

use super::Refusal;

/// What can happen to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEvent {
    /// The agent has it.
    Accepted,
    Succeeded,
    Failed,
    Interrupted,
    Refused,
    /// Its processes are gone by a user's wish, or it ended after the job had been cancelled.
    Cancelled,
    /// Its agent vanished, restarted, or never heard of it.
    Lost,
    /// Another attempt was granted.
    Fenced,
}

impl AttemptEvent {
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Fenced => "fenced",
        }
    }
}

/// Decides what becomes of the attempt. A repeated `Accepted` is harmless: it may be said again after a reconnect.
pub fn next_attempt(state: AttemptState, event: AttemptEvent) -> Result<AttemptState, Refusal> {
    use AttemptState as S;
    let refusal = Refusal { what: "the attempt", state: state.as_str(), event: event.word() };
    if state.is_terminal() {
        return Err(refusal);
    }
    match (state, event) {
        (S::Leased, AttemptEvent::Accepted) => Ok(S::Running),
        (live, AttemptEvent::Accepted) => Ok(live),
        (S::Finishing, AttemptEvent::Refused) => Err(refusal),
        (_, AttemptEvent::Succeeded) => Ok(S::Succeeded),
        (_, AttemptEvent::Failed) => Ok(S::Failed),
        (_, AttemptEvent::Interrupted) => Ok(S::Interrupted),
        (_, AttemptEvent::Refused) => Ok(S::Refused),
        (_, AttemptEvent::Cancelled) => Ok(S::Cancelled),
        (_, AttemptEvent::Lost) => Ok(S::Lost),
        (_, AttemptEvent::Fenced) => Ok(S::Stale),
    }
}

/// One of each, for tests that try them all.
#[cfg(test)]
pub const EVENTS: [AttemptEvent; 8] = [
    AttemptEvent::Accepted,
    AttemptEvent::Succeeded,
    AttemptEvent::Failed,
    AttemptEvent::Interrupted,
    AttemptEvent::Refused,
    AttemptEvent::Cancelled,
    AttemptEvent::Lost,
    AttemptEvent::Fenced,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_attempt_never_changes() {
        for &state in AttemptState::ALL.iter().filter(|state| state.is_terminal()) {
            for event in EVENTS {
                assert!(next_attempt(state, event).is_err(), "{state} + {}", event.word());
            }
        }
    }

    #[test]
    fn every_event_but_acceptance_ends_a_live_attempt() {
        for state in [AttemptState::Leased, AttemptState::Running] {
            for event in EVENTS {
                let next = next_attempt(state, event).unwrap();
                assert_eq!(next.is_terminal(), event != AttemptEvent::Accepted, "{state} + {}", event.word());
            }
        }
        assert_eq!(next_attempt(AttemptState::Leased, AttemptEvent::Accepted), Ok(AttemptState::Running));
        assert_eq!(next_attempt(AttemptState::Running, AttemptEvent::Accepted), Ok(AttemptState::Running));
        assert_eq!(next_attempt(AttemptState::Running, AttemptEvent::Fenced), Ok(AttemptState::Stale));
    }
}
