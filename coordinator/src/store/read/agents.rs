//! Agents that ever said hello.

use sweep_shared::labels::Labels;
use sweep_shared::resources::Device;

use super::super::{Store, StoreError};

#[derive(Debug, Clone)]
pub struct AgentRow {
    pub id: String,
    pub host: String,
    pub slots: u32,
    pub devices: Vec<Device>,
    pub labels: Labels,
    pub seen_ms: i64,
    /// A user wants it to leave.
    pub draining: bool,
}

struct Row {
    id: String,
    host: String,
    slots: i64,
    devices_json: String,
    labels_json: String,
    seen_ms: i64,
    draining: bool,
}

/// Those that were seen last come first.
pub async fn agents(store: &Store, limit: u32) -> Result<Vec<AgentRow>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id!: String", host, slots, devices_json, labels_json, seen_ms,
                  draining AS "draining!: bool"
           FROM agents ORDER BY seen_ms DESC LIMIT ?"#,
        limit
    )
    .fetch_all(&store.readers)
    .await?;
    let agent = |Row { id, host, slots, devices_json, labels_json, seen_ms, draining }: Row| {
        // Written by us; of a device that an older version described otherwise, nothing is shown.
        let devices = serde_json::from_str(&devices_json).unwrap_or_default();
        let labels = serde_json::from_str(&labels_json).unwrap_or_default();
        AgentRow { id, host, slots: slots as u32, devices, labels, seen_ms, draining }
    };
    Ok(rows.into_iter().map(agent).collect())
}
