//! What the database knows of agents.

use sweep_shared::ids::Token;
use sweep_shared::labels::Labels;
use sweep_shared::resources::Device;

use super::audit::{SWEEP, json};
use super::hello::live_attempts;
use super::ledger::Ledger;
use super::release::{Why, free};
use super::{Command, StoreError, Tx};

/// An agent as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInfo {
    pub id: String,
    pub host: String,
    pub boot_id: String,
    pub incarnation: u64,
    pub slots: u32,
    pub devices: Vec<Device>,
    pub labels: Labels,
}

/// Notes that the agent is here. One that was started anew is not asked to leave any more. Answers whether it still is.
pub(super) async fn upsert(tx: &mut Tx<'_>, agent: &AgentInfo) -> Result<bool, StoreError> {
    let (devices, labels, incarnation) = (json(&agent.devices), json(&agent.labels), agent.incarnation as i64);
    let known = sqlx::query!(
        r#"SELECT boot_id, incarnation, draining AS "draining!: bool" FROM agents WHERE id = ?"#,
        agent.id
    )
    .fetch_optional(&mut *tx.conn)
    .await?;
    let same = known.as_ref().is_some_and(|row| row.boot_id == agent.boot_id && row.incarnation == incarnation);
    let draining = same && known.is_some_and(|row| row.draining);
    sqlx::query!(
        "INSERT INTO agents (id, host, boot_id, incarnation, slots, devices_json, labels_json, seen_ms, draining,
                             expected)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
         ON CONFLICT DO UPDATE SET host = excluded.host, boot_id = excluded.boot_id, incarnation = excluded.incarnation,
                slots = excluded.slots, devices_json = excluded.devices_json,
                labels_json = excluded.labels_json, seen_ms = excluded.seen_ms,
                draining = excluded.draining, expected = 1",
        agent.id,
        agent.host,
        agent.boot_id,
        incarnation,
        agent.slots,
        devices,
        labels,
        tx.now_ms,
        draining
    )
    .execute(&mut *tx.conn)
    .await?;
    if !same {
        tx.note_world(SWEEP, "agent_joined", format!("{} on {}, slots: {}", agent.id, agent.host, agent.slots));
    }
    Ok(draining)
}

/// A user wants the agent to interrupt its jobs and leave; it is given no more work until it has.
#[derive(Debug, Clone)]
pub struct Drain {
    pub agent: String,
    /// Who wants it.
    pub actor: String,
}

impl Command for Drain {
    /// Whether this is news.
    type Reply = bool;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let draining = sqlx::query_scalar!(r#"SELECT draining AS "d!: bool" FROM agents WHERE id = ?"#, self.agent)
            .fetch_optional(&mut *tx.conn)
            .await?
            .ok_or_else(|| StoreError::Unknown(format!("agent {}", self.agent)))?;
        if draining {
            return Ok(false);
        }
        sqlx::query!("UPDATE agents SET draining = 1 WHERE id = ?", self.agent).execute(&mut *tx.conn).await?;
        tx.note_world(&self.actor, "drain", self.agent.clone());
        tx.changes.drained.push(self.agent);
        Ok(true)
    }
}

/// The agent has left: it has no runners any more, and will not be back soon.
#[derive(Debug, Clone)]
pub struct Goodbye {
    pub agent: String,
    /// In the agent's words.
    pub reason: String,
}

impl Command for Goodbye {
    /// The attempts that this freed.
    type Reply = Vec<Token>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<Token>, StoreError> {
        let tokens = live_attempts(tx, &self.agent).await?;
        let mut ledger = Ledger::load(tx, tokens.iter().copied()).await?;
        free(&mut ledger, &tokens, Why::Goodbye, tx.now_ms)?;
        ledger.save(tx).await?;
        sqlx::query!("UPDATE agents SET draining = 0, expected = 0, seen_ms = ? WHERE id = ?", tx.now_ms, self.agent)
            .execute(&mut *tx.conn)
            .await?;
        tx.note_world(SWEEP, "agent_left", format!("{}: {}", self.agent, self.reason));
        Ok(tokens)
    }
}

/// A device that went out of use for a fault, or is back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNews {
    /// In the audit log: `device_excluded`, `device_back`.
    pub what: &'static str,
    /// Whose and which, and why.
    pub detail: String,
}

/// Agents told of their devices.
#[derive(Debug, Clone)]
pub struct NoteDevices {
    pub news: Vec<DeviceNews>,
}

impl Command for NoteDevices {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for DeviceNews { what, detail } in self.news {
            tx.note_world(SWEEP, what, detail);
        }
        Ok(())
    }
}
