//! Reconciliation: what an agent says it runs, against what the database says it should.

use std::collections::BTreeSet;

use sweep_shared::ids::{JobId, Token};

use super::access;
use super::agents::{self, AgentInfo};
use super::audit::json;
use super::ledger::{Detail, Ledger};
use super::pause::PAUSED;
use super::release::{Why, free};
use super::{Command, StoreError, Tx, generation};
use crate::planted::{self, Bug};
use crate::transition::{AttemptEvent, JobEvent};

/// An agent is here, with these attempts.
#[derive(Debug, Clone)]
pub struct Hello {
    pub agent: AgentInfo,
    /// The serial of the certificate that it showed, if it did.
    pub certificate: Option<String>,
    pub spool: String,
    /// Its runners live, or their ends lie in the spool.
    pub attempts: Vec<Token>,
    /// The generation that it heard of last; empty: of none.
    pub generation: String,
    /// The last of the spool's reports that was acknowledged to it in that generation.
    pub acked_seq: u64,
}

/// The answer to an agent's hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeted {
    Reconciled(Reconciled),
    /// The agent has seen more of this generation than the database holds, as this says. Nothing was recorded: a new
    /// generation must begin, and the agent say hello again.
    Restored(String),
    /// Its certificate has been revoked; by a command whose effect had not reached the gate when the agent passed it.
    ShutOut,
}

/// How things stand between the coordinator and an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    pub generation: String,
    /// The last number of the spool that is recorded.
    pub acked_seq: u64,
    /// Attempts that may go on. All others must be killed.
    pub keep: Vec<Token>,
    /// Those of `keep` that must stop with a checkpoint, and why.
    pub interrupt: Vec<(Token, String)>,
    /// Attempts that this freed.
    pub freed: Vec<Token>,
    /// A user wants the agent to leave.
    pub draining: bool,
}

impl Command for Hello {
    type Reply = Greeted;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Greeted, StoreError> {
        if let Some(serial) = &self.certificate
            && access::is_revoked(tx, serial).await?
        {
            return Ok(Greeted::ShutOut);
        }
        let here: BTreeSet<Token> = self.attempts.into_iter().collect();
        let generation = generation::name(tx).await?;
        if generation == self.generation {
            let recorded = acked(tx, &self.spool).await?;
            if let Some(why) = generation::older_than(tx, recorded, self.acked_seq, &here).await? {
                return Ok(Greeted::Restored(format!("agent {}: {why}", self.agent.id)));
            }
        }
        let draining = agents::upsert(tx, &self.agent).await?;
        open_spool(tx, &self.spool, &self.agent.id).await?;
        let acked_seq = acked(tx, &self.spool).await?;
        let known = live_attempts(tx, &self.agent.id).await?;
        let mut ledger = Ledger::load(tx, here.iter().chain(&known).copied()).await?;
        let vanished: Vec<Token> = known.iter().filter(|token| !here.contains(token)).copied().collect();
        free(&mut ledger, &vanished, Why::Vanished, tx.now_ms)?;
        let mut freed = vanished;
        let mut keep = Vec::new();
        for token in here {
            let Some(entry) = ledger.live(token) else { continue };
            if entry.is_current() || planted::is(Bug::CancelDroppedWhileDisconnected) {
                entry.accept()?;
                keep.push(token);
            } else {
                // Cancelled while the agent was away. It kills the runner now; nothing that it says of it counts.
                entry.end(AttemptEvent::Cancelled, JobEvent::Cancel, Detail::default(), tx.now_ms)?;
                freed.push(token);
            }
        }
        ledger.save(tx).await?;
        let interrupt = to_interrupt(tx, &keep).await?;
        Ok(Greeted::Reconciled(Reconciled { generation, acked_seq, keep, interrupt, freed, draining }))
    }
}

/// A spool that is unknown begins at 0; the agent's older ones are forgotten.
async fn open_spool(tx: &mut Tx<'_>, spool: &str, agent: &str) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM spools WHERE agent = ? AND id <> ?", agent, spool).execute(&mut *tx.conn).await?;
    sqlx::query!("INSERT INTO spools (id, agent, acked_seq) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", spool, agent)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}

/// How far the spool is recorded.
async fn acked(tx: &mut Tx<'_>, spool: &str) -> Result<u64, StoreError> {
    let acked =
        sqlx::query_scalar!("SELECT acked_seq FROM spools WHERE id = ?", spool).fetch_optional(&mut *tx.conn).await?;
    Ok(acked.unwrap_or(0) as u64)
}

pub(super) async fn live_attempts(tx: &mut Tx<'_>, agent: &str) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT job AS "job!: i64", number AS "number!: i64", lease FROM attempts
           WHERE agent = ? AND finished_ms IS NULL ORDER BY job"#,
        agent
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let token =
        |job: i64, number: i64, lease: i64| Token { job: JobId(job), attempt: number as u32, lease: lease as u64 };
    Ok(rows.into_iter().map(|row| token(row.job, row.number, row.lease)).collect())
}

/// Those of these attempts whose job or sweep was paused meanwhile.
async fn to_interrupt(tx: &mut Tx<'_>, keep: &[Token]) -> Result<Vec<(Token, String)>, StoreError> {
    if keep.is_empty() {
        return Ok(Vec::new());
    }
    let jobs = json(&keep.iter().map(|token| token.job).collect::<Vec<_>>());
    let paused = sqlx::query_scalar!(
        r#"SELECT j.id AS "id!: i64" FROM json_each(?) t JOIN jobs j ON j.id = t.value JOIN sweeps w ON w.id = j.sweep
           WHERE j.state = 'paused' OR w.paused = 1"#,
        jobs
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let stopped = keep.iter().filter(|token| paused.contains(&token.job.0));
    Ok(stopped.map(|token| (*token, PAUSED.to_owned())).collect())
}
