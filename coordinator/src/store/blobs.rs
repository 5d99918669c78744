//! Which blobs are named by rows.

use serde::Serialize;
use sweep_shared::event::FileRef;
use sweep_shared::ids::ContentHash;

use super::StoreError;
use super::audit::json;
use super::command::{Command, Tx};

/// A file by its name and its bytes' hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BlobRef {
    pub name: String,
    pub hash: ContentHash,
    pub size_bytes: u64,
}

impl BlobRef {
    /// `None` where the hash is unknown.
    pub fn from_file(file: FileRef) -> Option<Self> {
        Some(Self { name: file.name, hash: file.hash?, size_bytes: file.size_bytes })
    }
}

/// Makes rows for blobs, so that others may refer to them.
pub async fn record<'a>(tx: &mut Tx<'_>, blobs: impl IntoIterator<Item = &'a BlobRef>) -> Result<(), StoreError> {
    let rows: Vec<&BlobRef> = blobs.into_iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO blobs (hash, size_bytes, created_ms)
         SELECT value ->> 'hash', value ->> 'size_bytes', ?2 FROM json_each(?1) WHERE true
         ON CONFLICT DO NOTHING",
        rows,
        tx.now_ms
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

/// Forgets those of these blobs that no point, checkpoint or sweep refers to, and says which may be deleted from disk.
pub struct Forget {
    pub candidates: Vec<ContentHash>,
}

impl Command for Forget {
    type Reply = Vec<ContentHash>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<ContentHash>, StoreError> {
        let rows = json(&self.candidates);
        let free = sqlx::query_scalar!(
            r#"SELECT CAST(value AS TEXT) AS "hash!: String" FROM json_each(?1)
               WHERE NOT EXISTS (SELECT 1 FROM point_files WHERE hash = value)
                 AND NOT EXISTS (SELECT 1 FROM checkpoint_files WHERE hash = value)
                 AND NOT EXISTS (SELECT 1 FROM sweep_files WHERE hash = value)"#,
            rows
        )
        .fetch_all(&mut *tx.conn)
        .await?;
        let rows = json(&free);
        sqlx::query!("DELETE FROM blobs WHERE hash IN (SELECT value FROM json_each(?))", rows)
            .execute(&mut *tx.conn)
            .await?;
        Ok(free.into_iter().filter_map(|hash| ContentHash::try_from(hash).ok()).collect())
    }
}
