//! Sweeps as users see them.

use std::collections::BTreeMap;

use sweep_shared::ids::{JobId, SweepId};

use super::super::{Store, StoreError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepRow {
    pub id: SweepId,
    pub name: String,
    pub state: String,
    pub paused: bool,
    pub created_ms: i64,
    pub finished_ms: Option<i64>,
    /// Jobs by state.
    pub counts: BTreeMap<String, u32>,
    pub reused: u32,
}

impl Store {
    pub async fn sweep(&self, id: SweepId) -> Result<SweepRow, StoreError> {
        let row = sqlx::query!(
            r#"SELECT id, name, state, paused AS "paused!: bool", created_ms, finished_ms FROM sweeps WHERE id = ?"#,
            id.0
        )
        .fetch_optional(&self.readers)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("sweep {id}")))?;
        let (counts, reused) = self.counts(id).await?;
        let (name, state, paused) = (row.name, row.state, row.paused);
        Ok(SweepRow {
            id,
            name,
            state,
            paused,
            created_ms: row.created_ms,
            finished_ms: row.finished_ms,
            counts,
            reused,
        })
    }

    /// The newest first.
    pub async fn sweeps(&self, limit: u32) -> Result<Vec<SweepRow>, StoreError> {
        let ids = sqlx::query_scalar!("SELECT id FROM sweeps ORDER BY id DESC LIMIT ?", limit)
            .fetch_all(&self.readers)
            .await?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.push(self.sweep(SweepId(id)).await?);
        }
        Ok(rows)
    }

    async fn counts(&self, id: SweepId) -> Result<(BTreeMap<String, u32>, u32), StoreError> {
        let rows = sqlx::query!(
            r#"SELECT state, count(*) AS "jobs!: i64", count(reused_from) AS "reused!: i64"
               FROM jobs WHERE sweep = ? GROUP BY state"#,
            id.0
        )
        .fetch_all(&self.readers)
        .await?;
        let reused = rows.iter().map(|row| row.reused as u32).sum();
        Ok((rows.into_iter().map(|row| (row.state, row.jobs as u32)).collect(), reused))
    }
}

/// The newest sweep, if there is any.
pub async fn latest(store: &Store) -> Result<Option<SweepId>, StoreError> {
    let id =
        sqlx::query_scalar!("SELECT id FROM sweeps ORDER BY id DESC LIMIT 1").fetch_optional(&store.readers).await?;
    Ok(id.map(SweepId))
}

/// The sweep that a job belongs to.
pub async fn sweep_of_job(store: &Store, job: JobId) -> Result<SweepId, StoreError> {
    sqlx::query_scalar!("SELECT sweep FROM jobs WHERE id = ?", job.0)
        .fetch_optional(&store.readers)
        .await?
        .map(SweepId)
        .ok_or_else(|| StoreError::Unknown(format!("job {job}")))
}
