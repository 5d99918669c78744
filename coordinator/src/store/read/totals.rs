//! Everything in a few numbers.

use std::collections::BTreeMap;

use super::super::{Store, StoreError};

/// Of all sweeps together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    pub sweeps: BTreeMap<String, u64>,
    pub jobs: BTreeMap<String, u64>,
    pub live_attempts: u64,
    pub last_event: u64,
}

pub async fn totals(store: &Store) -> Result<Totals, StoreError> {
    let mut tx = store.readers.begin().await?;
    let sweeps =
        sqlx::query!(r#"SELECT state, count(*) AS "n!: i64" FROM sweeps GROUP BY state"#).fetch_all(&mut *tx).await?;
    let jobs = sqlx::query!(r#"SELECT state, count(*) AS "n!: i64" FROM jobs WHERE dropped = 0 GROUP BY state"#)
        .fetch_all(&mut *tx)
        .await?;
    let rest = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM attempts WHERE finished_ms IS NULL) AS "live!: i64",
                  (SELECT coalesce(max(id), 0) FROM events) AS "last!: i64""#
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(Totals {
        sweeps: sweeps.into_iter().map(|row| (row.state, row.n as u64)).collect(),
        jobs: jobs.into_iter().map(|row| (row.state, row.n as u64)).collect(),
        live_attempts: rest.live as u64,
        last_event: rest.last as u64,
    })
}
