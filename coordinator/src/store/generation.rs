//! A database that was restored from a backup is older than the world: agents have been told of reports that it does not
//! have, and run attempts that it never granted. It then begins a new generation, in which no older token is worth anything.

use std::collections::BTreeSet;

use sweep_shared::ids::{JobId, Token};

use super::ledger::{Detail, Ledger};
use super::{Command, StoreError, Tx};
use crate::transition::{AttemptEvent, JobEvent};

/// Begins a new generation: spools are forgotten, and live attempts are lost without a loss being counted.
#[derive(Debug, Clone)]
pub struct NewGeneration {
    /// Random, 16 bytes or more as text.
    pub name: String,
    /// What showed that the database is older than the world.
    pub why: String,
}

impl Command for NewGeneration {
    /// The attempts that this ended.
    type Reply = Vec<Token>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<Token>, StoreError> {
        sqlx::query!("UPDATE generation SET name = ?, created_ms = ?", self.name, tx.now_ms)
            .execute(&mut *tx.conn)
            .await?;
        sqlx::query!("DELETE FROM spools").execute(&mut *tx.conn).await?;
        // Those that have ended since must not come back.
        sqlx::query!("DELETE FROM sessions").execute(&mut *tx.conn).await?;
        let live = live_attempts(tx).await?;
        let mut ledger = Ledger::load(tx, live.iter().copied()).await?;
        for token in &live {
            let Some(entry) = ledger.live(*token) else { continue };
            let message = "the database was restored from a backup".to_owned();
            let detail = Detail { message, ..Detail::default() };
            entry.end(AttemptEvent::Lost, JobEvent::Restored, detail, tx.now_ms)?;
        }
        ledger.save(tx).await?;
        let detail = format!("{}; {} attempts that ran are lost", self.why, live.len());
        tx.note_world(super::audit::SWEEP, "restored", detail);
        tx.changes.ready = true;
        tx.changes.access = true;
        Ok(live)
    }
}

async fn live_attempts(tx: &mut Tx<'_>) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT job AS "job!: i64", number AS "number!: i64", lease FROM attempts WHERE finished_ms IS NULL ORDER BY job"#
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let token = |job, number: i64, lease: i64| Token { job: JobId(job), attempt: number as u32, lease: lease as u64 };
    Ok(rows.into_iter().map(|row| token(row.job, row.number, row.lease)).collect())
}

pub(super) async fn name(tx: &mut Tx<'_>) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar!("SELECT name FROM generation").fetch_one(&mut *tx.conn).await?)
}

/// What shows that an agent of this generation has seen more than the database holds.
pub(super) async fn older_than(
    tx: &mut Tx<'_>,
    recorded_seq: u64,
    heard_seq: u64,
    attempts: &BTreeSet<Token>,
) -> Result<Option<String>, StoreError> {
    if heard_seq > recorded_seq {
        return Ok(Some(format!("its report {heard_seq} was acknowledged, and {recorded_seq} is the last recorded")));
    }
    let wanted: Vec<(i64, u32, i64)> = attempts.iter().map(|t| (t.job.0, t.attempt, t.lease as i64)).collect();
    let wanted = super::audit::json(&wanted);
    let unknown = sqlx::query!(
        r#"SELECT CAST(t.value ->> 0 AS INTEGER) AS "job!: i64", CAST(t.value ->> 1 AS INTEGER) AS "number!: i64"
           FROM json_each(?1) t
           WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.job = t.value ->> 0 AND a.number = t.value ->> 1
                             AND a.lease = t.value ->> 2)
           LIMIT 1"#,
        wanted
    )
    .fetch_optional(&mut *tx.conn)
    .await?;
    Ok(unknown
        .map(|row| format!("it has attempt {} of job {}, which was never granted here", row.number, JobId(row.job))))
}
