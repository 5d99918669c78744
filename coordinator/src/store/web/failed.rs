//! Somebody could not sign in.

use super::super::audit::SWEEP;
use super::super::{Command, StoreError, Tx};

/// Whoever sends this sees to it that not every failure is told: a stranger must not be able to fill the log.
#[derive(Debug, Clone)]
pub struct NoteFailed {
    /// Who and from where, and how many more there were. Never a name that is nobody's: it may be a password in the wrong field.
    pub detail: String,
}

impl Command for NoteFailed {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.note_world(SWEEP, "sign_in_failed", self.detail);
        Ok(())
    }
}
