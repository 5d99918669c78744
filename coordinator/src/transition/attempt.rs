//! The life of an attempt. Once ended it never changes.

use sweep_shared::states::AttemptState;

use super::Refusal;

/// What can happen to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEvent {
    /// The agent has it.
    Accepted,
    /// Its processes are gone; what it made is on its way.
    Finishing,
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
            Self::Finishing => "finishing",
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

/// Decides what becomes of the attempt. `Accepted` and `Finishing` may be said again, and late, after a reconnect.
pub fn next_attempt(state: AttemptState, event: AttemptEvent) -> Result<AttemptState, Refusal> {
    use AttemptState as S;
    let refusal = Refusal { what: "the attempt", state: state.as_str(), event: event.word() };
    if state.is_terminal() {
        return Err(refusal);
    }
    match (state, event) {
        (S::Leased, AttemptEvent::Accepted) => Ok(S::Running),
        (live, AttemptEvent::Accepted) => Ok(live),
        (_, AttemptEvent::Finishing) => Ok(S::Finishing),
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
#[cfg(any(test, feature = "simulation"))]
pub const EVENTS: [AttemptEvent; 9] = [
    AttemptEvent::Accepted,
    AttemptEvent::Finishing,
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

    /// Written by hand; a dash is a refusal.
    const TABLE: &str = "
                    leased      running     finishing
        accepted    running     running     finishing
        finishing   finishing   finishing   finishing
        succeeded   succeeded   succeeded   succeeded
        failed      failed      failed      failed
        interrupted interrupted interrupted interrupted
        refused     refused     refused     -
        cancelled   cancelled   cancelled   cancelled
        lost        lost        lost        lost
        fenced      stale       stale       stale
    ";

    #[test]
    fn the_table_is_what_the_design_says() {
        let mut lines = TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|w| !w.is_empty());
        let states: Vec<AttemptState> = lines.next().unwrap().iter().map(|word| word.parse().unwrap()).collect();
        assert_eq!(states, AttemptState::ALL.iter().copied().filter(|s| !s.is_terminal()).collect::<Vec<_>>());
        let rows: Vec<Vec<&str>> = lines.collect();
        assert_eq!(rows.len(), EVENTS.len());
        for (row, event) in rows.iter().zip(EVENTS) {
            assert_eq!(row[0], event.word());
            for (cell, &state) in row[1..].iter().zip(&states) {
                let got = next_attempt(state, event).map_or("-", AttemptState::as_str);
                assert_eq!(got, *cell, "{state} + {}", event.word());
            }
        }
    }
}
