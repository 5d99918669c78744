//! A change that changes nothing, to see whether the files can be written.

use super::{Command, StoreError, Tx};

#[derive(Debug, Clone, Copy)]
pub struct Trial;

impl Command for Trial {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        // SQLite writes the page although every byte of it stays.
        sqlx::query("UPDATE generation SET id = id").execute(&mut *tx.conn).await?;
        Ok(())
    }
}
