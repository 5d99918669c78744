//! That somebody was not let in.

use super::super::audit::SWEEP;
use super::super::{Command, StoreError, Tx};

/// For the audit log.
#[derive(Debug, Clone)]
pub struct TurnedAway {
    pub lines: Vec<String>,
}

impl Command for TurnedAway {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for line in self.lines {
            tx.note_world(SWEEP, "access_refused", line);
        }
        Ok(())
    }
}
