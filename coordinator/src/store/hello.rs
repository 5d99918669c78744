//! Reconciliation: what an agent says it runs, against what the database says it should.

use std::collections::BTreeSet;

use sweep_shared::ids::{JobId, Token};

use super::agents::{self, AgentInfo};
use super::ledger::{Detail, Ledger};
use super::release::{Why, free};
use super::{Command, StoreError, Tx};
use crate::transition::{AttemptEvent, JobEvent};

/// An agent is here, with these attempts.
#[derive(Clone)]
pub struct Hello {
    pub agent: AgentInfo,
    pub spool: String,
    /// Its runners live, or their ends lie in the spool.
    pub attempts: Vec<Token>,
}

/// The answer to an agent's hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    pub generation: String,
    /// The last number of the spool that is recorded.
    pub acked_seq: u64,
    /// Attempts that may go on. All others must be killed.
    pub keep: Vec<Token>,
    /// Attempts that this freed.
    pub freed: Vec<Token>,
}

impl Command for Hello {
    type Reply = Reconciled;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Reconciled, StoreError> {
        agents::upsert(tx, &self.agent).await?;
        let acked_seq = acked(tx, &self.spool, &self.agent.id).await?;
        let here: BTreeSet<Token> = self.attempts.into_iter().collect();
        let known = live_attempts(tx, &self.agent.id).await?;
        let mut ledger = Ledger::load(tx, here.iter().chain(&known).copied()).await?;
        let vanished: Vec<Token> = known.iter().filter(|token| !here.contains(token)).copied().collect();
        free(&mut ledger, &vanished, Why::Vanished, tx.now_ms)?;
        let mut freed = vanished;
        let mut keep = Vec::new();
        for token in here {
            let Some(entry) = ledger.live(token) else { continue };
            if entry.is_current() {
                entry.accept()?;
                keep.push(token);
            } else {
                // Cancelled while the agent was away. It kills the runner now; nothing that it says of it counts.
                entry.end(AttemptEvent::Cancelled, JobEvent::Cancel, Detail::default(), tx.now_ms)?;
                freed.push(token);
            }
        }
        ledger.save(tx).await?;
        let generation = sqlx::query_scalar!("SELECT name FROM generation").fetch_one(&mut *tx.conn).await?;
        Ok(Reconciled { generation, acked_seq, keep, freed })
    }
}

/// How far the spool is recorded. A spool that is unknown begins at 0; the agent's older ones are forgotten.
async fn acked(tx: &mut Tx<'_>, spool: &str, agent: &str) -> Result<u64, StoreError> {
    sqlx::query!("DELETE FROM spools WHERE agent = ? AND id <> ?", agent, spool).execute(&mut *tx.conn).await?;
    sqlx::query!("INSERT INTO spools (id, agent, acked_seq) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", spool, agent)
        .execute(&mut *tx.conn)
        .await?;
    let acked =
        sqlx::query_scalar!("SELECT acked_seq FROM spools WHERE id = ?", spool).fetch_one(&mut *tx.conn).await?;
    Ok(acked as u64)
}

async fn live_attempts(tx: &mut Tx<'_>, agent: &str) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT job AS "job!: i64", number AS "number!: i64", lease FROM attempts
           WHERE agent = ? AND finished_ms IS NULL"#,
        agent
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let token =
        |job: i64, number: i64, lease: i64| Token { job: JobId(job), attempt: number as u32, lease: lease as u64 };
    Ok(rows.into_iter().map(|row| token(row.job, row.number, row.lease)).collect())
}
