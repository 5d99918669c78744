//! The agents, connected or not.

use std::collections::HashMap;

use sweep_shared::wire::v1;
use tonic::Status;

use super::Api;
use crate::dispatch::AgentNow;
use crate::store::read;

/// Agents in one answer.
const MOST: u32 = 1000;

/// Those that are connected come from the dispatcher, the others as the database last saw them.
pub async fn list(api: &Api, limit: u32) -> Result<v1::AgentsReply, Status> {
    let limit = if limit == 0 { MOST } else { limit.min(MOST) };
    let now: HashMap<String, AgentNow> =
        api.dispatch.agents().await?.into_iter().map(|agent| (agent.id.clone(), agent)).collect();
    let known = read::agents(&api.store, limit).await?;
    let status = |known: read::AgentRow| {
        let now = now.get(&known.id);
        let connected = now.is_some_and(|agent| agent.connected);
        let devices = now.filter(|_| connected).map_or(known.devices, |agent| agent.devices.clone());
        v1::AgentStatus {
            id: known.id,
            host: known.host,
            connected,
            devices: devices.iter().map(v1::Device::from).collect(),
            running: now.map_or(0, |agent| agent.running),
            last_seen_ms: match now.filter(|_| connected) {
                Some(agent) => api.clock.unix_ms() - agent.heard_ago.as_millis() as i64,
                None => known.seen_ms,
            },
            slots: known.slots,
            draining: known.draining,
            labels: known.labels.0.into_iter().collect(),
        }
    };
    Ok(v1::AgentsReply { agents: known.into_iter().map(status).collect() })
}
