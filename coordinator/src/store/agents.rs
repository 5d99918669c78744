//! What the database knows of agents.

use sweep_shared::resources::Device;

use super::audit::json;
use super::{StoreError, Tx};

/// An agent as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInfo {
    pub id: String,
    pub host: String,
    pub boot_id: String,
    pub incarnation: u64,
    pub slots: u32,
    pub devices: Vec<Device>,
}

pub(super) async fn upsert(tx: &mut Tx<'_>, agent: &AgentInfo) -> Result<(), StoreError> {
    let (devices, incarnation) = (json(&agent.devices), agent.incarnation as i64);
    sqlx::query!(
        "INSERT INTO agents (id, host, boot_id, incarnation, slots, devices_json, seen_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET host = excluded.host, boot_id = excluded.boot_id, incarnation = excluded.incarnation,
                slots = excluded.slots, devices_json = excluded.devices_json, seen_ms = excluded.seen_ms",
        agent.id,
        agent.host,
        agent.boot_id,
        incarnation,
        agent.slots,
        devices,
        tx.now_ms
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
