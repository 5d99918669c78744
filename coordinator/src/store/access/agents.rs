//! An agent is shut out.

use sweep_shared::ids::Token;

use super::super::hello::live_attempts;
use super::super::ledger::Ledger;
use super::super::release::{Why, free};
use super::super::{Command, StoreError, Tx};

/// All certificates of an agent count no more, and its jobs go back to the queue.
#[derive(Debug, Clone)]
pub struct RevokeAgent {
    /// Its id, or its host's name where only one agent has it.
    pub agent: String,
    pub actor: String,
}

/// Whom it concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    pub agent: String,
    /// How many certificates that counted until now.
    pub certificates: u32,
    /// The attempts that this freed.
    pub freed: Vec<Token>,
}

impl Command for RevokeAgent {
    type Reply = Revoked;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Revoked, StoreError> {
        let agents = sqlx::query_scalar!(
            r#"SELECT DISTINCT agent AS "agent!" FROM certificates
               WHERE agent = ?1 OR (host = ?1 AND revoked_ms IS NULL AND expires_ms > ?2
                                    AND NOT EXISTS (SELECT 1 FROM certificates WHERE agent = ?1))"#,
            self.agent,
            tx.now_ms
        )
        .fetch_all(&mut *tx.conn)
        .await?;
        let agent = match agents.as_slice() {
            [agent] => agent.clone(),
            [] => return Err(StoreError::Unknown(format!("an agent {} with a certificate", self.agent))),
            several => {
                let several = several.join(", ");
                return Err(StoreError::Refused(format!("several agents are on {}: {several}", self.agent)));
            }
        };
        let done = sqlx::query!(
            "UPDATE certificates SET revoked_ms = ? WHERE agent = ? AND revoked_ms IS NULL",
            tx.now_ms,
            agent
        )
        .execute(&mut *tx.conn)
        .await?;
        let certificates = done.rows_affected() as u32;
        let freed = live_attempts(tx, &agent).await?;
        let mut ledger = Ledger::load(tx, freed.iter().copied()).await?;
        free(&mut ledger, &freed, Why::Revoked, tx.now_ms)?;
        ledger.save(tx).await?;
        sqlx::query!("UPDATE agents SET expected = 0 WHERE id = ?", agent).execute(&mut *tx.conn).await?;
        if certificates > 0 {
            tx.note_world(&self.actor, "agent_revoked", format!("{agent}, {} attempts freed", freed.len()));
        }
        tx.changes.access = true;
        tx.changes.expelled.push((agent.clone(), freed.clone()));
        Ok(Revoked { agent, certificates, freed })
    }
}
