//! Attempts that are known to be gone: freed at once, so that others can go on with the jobs.

use sweep_shared::ids::Token;
use sweep_shared::states::AttemptState;

use super::ledger::{Detail, Ledger};
use super::{Command, StoreError, Tx};
use crate::transition::{AttemptEvent, JobEvent};

/// How an attempt came to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its agent said goodbye.
    Goodbye,
    /// Its agent is back without it. A grant that the agent never confirmed is no loss.
    Vanished,
    /// Its agent was shut out. That is no fault of the job's.
    Revoked,
    /// Its lease is over, and nobody may take the job over: it is paused, or has ended.
    Expired,
}

/// Frees these attempts where they are still live.
#[derive(Debug, Clone)]
pub struct Release {
    pub tokens: Vec<Token>,
    pub why: Why,
}

impl Command for Release {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut ledger = Ledger::load(tx, self.tokens.iter().copied()).await?;
        free(&mut ledger, &self.tokens, self.why, tx.now_ms)?;
        ledger.save(tx).await
    }
}

pub(super) fn free(ledger: &mut Ledger, tokens: &[Token], why: Why, now_ms: i64) -> Result<(), StoreError> {
    for token in tokens {
        let Some(entry) = ledger.live(*token) else { continue };
        let (attempt, job, message) = match (why, entry.attempt_state()) {
            (Why::Goodbye, _) => (AttemptEvent::Interrupted, JobEvent::Interrupted, "its agent left"),
            (Why::Revoked, _) => (AttemptEvent::Interrupted, JobEvent::Interrupted, "its agent was revoked"),
            (Why::Vanished, AttemptState::Leased) => {
                (AttemptEvent::Lost, JobEvent::NeverArrived, "the grant never reached its agent")
            }
            (Why::Expired, _) => (AttemptEvent::Lost, JobEvent::Lost, "its agent was silent for too long"),
            (Why::Vanished, _) => (AttemptEvent::Lost, JobEvent::Lost, "its agent came back without it"),
        };
        let detail = Detail { message: message.to_owned(), ..Detail::default() };
        entry.end(attempt, job, detail, now_ms)?;
    }
    Ok(())
}
