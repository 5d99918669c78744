//! Where the artifacts of this database are kept.

use sqlx::SqliteConnection;

use super::audit::SWEEP;
use super::command::{Command, Tx};
use super::{Store, StoreError};
use crate::artifacts::Kept;

/// Remembers it; `None`: in the home.
pub struct KeepIn(pub Option<Kept>);

impl Command for KeepIn {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query!("DELETE FROM artifact_store").execute(&mut *tx.conn).await?;
        let words = match self.0 {
            None => "artifacts are kept in SWEEP_HOME".to_owned(),
            Some(Kept { id, url }) => {
                sqlx::query!(
                    "INSERT INTO artifact_store (one, id, url, since_ms) VALUES (1, ?, ?, ?)",
                    id,
                    url,
                    tx.now_ms
                )
                .execute(&mut *tx.conn)
                .await?;
                format!("artifacts are kept in {url}")
            }
        };
        tx.note_world(SWEEP, "artifact_store", words);
        Ok(())
    }
}

impl Store {
    pub async fn kept_in(&self) -> Result<Option<Kept>, StoreError> {
        let row = sqlx::query!("SELECT id, url FROM artifact_store").fetch_optional(&self.readers).await?;
        Ok(row.map(|row| Kept { id: row.id, url: row.url }))
    }
}

/// The same of a database that is only looked at; an older one keeps its artifacts in its home.
pub async fn of_file(conn: &mut SqliteConnection) -> Result<Option<Kept>, sqlx::Error> {
    let known = "SELECT count(*) FROM sqlite_master WHERE name = 'artifact_store'";
    if sqlx::query_scalar::<_, i64>(known).fetch_one(&mut *conn).await? == 0 {
        return Ok(None);
    }
    let row: Option<(String, String)> =
        sqlx::query_as("SELECT id, url FROM artifact_store").fetch_optional(conn).await?;
    Ok(row.map(|(id, url)| Kept { id, url }))
}
