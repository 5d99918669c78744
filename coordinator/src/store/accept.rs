//! Confirmed grants, recorded in passing.

use sweep_shared::ids::Token;

use super::ledger::Ledger;
use super::{Command, StoreError, Tx};

/// Notes that the agents have these attempts; those that ended meanwhile are left alone.
pub struct Accept {
    pub tokens: Vec<Token>,
}

impl Command for Accept {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut ledger = Ledger::load(tx, self.tokens.iter().copied()).await?;
        for token in self.tokens {
            if let Some(entry) = ledger.live(token) {
                entry.accept()?;
            }
        }
        ledger.save(tx).await
    }
}
