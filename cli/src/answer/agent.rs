//! One agent as the coordinator last saw it.

use std::time::SystemTime;

use sweep_shared::labels::Labels;
use sweep_shared::resources::Device;
use sweep_shared::wire::v1;

use super::{instant, malformed};
use crate::exit::{Failure, Outcome};

/// One agent as the coordinator last saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub id: String,
    pub host: String,
    pub connected: bool,
    pub devices: Vec<Device>,
    pub running: u32,
    pub slots: u32,
    pub labels: Labels,
    pub last_seen: Option<SystemTime>,
    /// A user wants it to leave.
    pub draining: bool,
}

impl TryFrom<v1::AgentStatus> for Agent {
    type Error = Failure;

    fn try_from(a: v1::AgentStatus) -> Outcome<Self> {
        let devices = a.devices.into_iter().map(Device::try_from).collect::<Result<_, _>>().map_err(malformed)?;
        Ok(Self {
            id: a.id,
            host: a.host,
            connected: a.connected,
            devices,
            running: a.running,
            slots: a.slots,
            labels: Labels(a.labels.into_iter().collect()),
            last_seen: instant(a.last_seen_ms),
            draining: a.draining,
        })
    }
}
