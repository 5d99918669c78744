//! What an agent's reports say of its devices' health and room.

use sweep_shared::ids::Token;
use sweep_shared::resources::{Closed, Device, DeviceClass};

use super::{Fleet, Live};
use crate::store::agents::DeviceNews;

impl Fleet {
    /// Whether the agent takes no work on this device, as it has said itself.
    pub fn is_closed(&self, agent: &str, device: (DeviceClass, u32)) -> bool {
        let devices = self.agents.get(agent).map_or(&[][..], |agent| &agent.info.devices);
        devices.iter().any(|other| (other.class, other.index) == device && other.status.closed.is_some())
    }

    /// What is new about an agent's devices, against its report before.
    pub fn news(&self, agent: &str, after: &[Device]) -> Vec<DeviceNews> {
        let before = self.agents.get(agent).map_or(&[][..], |agent| &agent.info.devices);
        after.iter().filter_map(|device| change(agent, before, device)).collect()
    }
}

/// What was promised to the device's attempts and is not in the report yet: NVML does not show a runner that still loads.
pub(super) fn promised(device: &Device, live: &[&Live]) -> u64 {
    let used = |token: Token| {
        let attempt = token.to_string();
        device.status.uses.iter().find(|of| of.attempt == attempt).map_or(0, |of| of.bytes)
    };
    let here = live.iter().filter(|live| live.is_on(device) && !live.attempt.finishing);
    here.map(|live| live.attempt.memory_bytes.saturating_sub(used(live.attempt.token))).sum()
}

/// A device went out of use for a fault, or is back from one.
fn change(agent: &str, before: &[Device], now: &Device) -> Option<DeviceNews> {
    let same = |other: &&Device| (other.class, other.index) == (now.class, now.index);
    let old = before.iter().find(same).and_then(fault);
    let news = |what, detail| Some(DeviceNews { what, detail });
    let named = format!("{agent}, {}", now.named());
    match (old, fault(now)) {
        (None, Some(reason)) => news("device_excluded", format!("{named}: {reason}")),
        (Some(old), Some(reason)) if old != reason => news("device_excluded", format!("{named}: {reason}")),
        (Some(old), None) => news("device_back", format!("{named}, after: {old}")),
        _ => None,
    }
}

fn fault(device: &Device) -> Option<&str> {
    match &device.status.closed {
        Some(Closed::Excluded(reason) | Closed::Silent(reason) | Closed::Lost(reason)) => Some(reason),
        Some(Closed::Unused | Closed::Quiet(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(closed: Option<Closed>) -> Device {
        let mut device = Device {
            class: DeviceClass::Cuda,
            index: 1,
            name: "gpu".to_owned(),
            memory_total_bytes: 8,
            memory_free_bytes: 8,
            slots: 1,
            status: Default::default(),
        };
        device.status.closed = closed;
        device
    }

    #[test]
    fn a_fault_is_news_once_and_so_is_its_end() {
        let lost = || gpu(Some(Closed::Silent("the GPU is lost".to_owned())));
        let told = |before: Device, after: Device| change("lab-1", &[before], &after);
        let excluded = told(gpu(None), lost()).unwrap();
        assert_eq!((excluded.what, excluded.detail.as_str()), ("device_excluded", "lab-1, GPU 1: the GPU is lost"));
        assert_eq!(told(lost(), lost()), None);
        assert_eq!(told(lost(), gpu(None)).unwrap().what, "device_back");
        let worse = gpu(Some(Closed::Excluded("Xid 79".to_owned())));
        assert_eq!(told(lost(), worse).unwrap().detail, "lab-1, GPU 1: Xid 79");
        assert_eq!(change("lab-1", &[], &lost()).unwrap().what, "device_excluded", "an agent that has just come");
    }

    #[test]
    fn what_agent_toml_says_is_no_news() {
        let quiet = gpu(Some(Closed::Quiet("08:00".to_owned())));
        assert_eq!(change("lab-1", &[gpu(None)], &quiet), None);
        assert_eq!(change("lab-1", &[quiet], &gpu(Some(Closed::Unused))), None);
    }
}
